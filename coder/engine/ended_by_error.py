"""Log the end of a run that an exception ends, so that it can be resumed."""

import asyncio

from coder.base.errors import CoderError, FolderError, MachineError, PackagesMissing
from coder.run.event_types import RunStopped
from coder.run.journal import Journal
from coder.run.questions import Waits
from coder.run.run import EXIT_CODES
from coder.workspace.deliver import with_written
from sandbox import SandboxError


async def log_end(
    journal: Journal, error: asyncio.CancelledError | Waits | CoderError | SandboxError
) -> None:
    """Log why a run has ended: it was cancelled, waits for a person, or has failed.

    Raises:
        CancelledError: the run was cancelled.
        MachineError: the log can't be written, or may itself be what has failed.
    """
    match error:
        case asyncio.CancelledError():
            await journal.append(RunStopped(status="interrupted", reason="interrupted", exit_code=130))
            raise error
        case Waits():
            exit_code = EXIT_CODES["waiting"]
            await journal.append(RunStopped(status="waiting", reason=str(error), exit_code=exit_code))
        case MachineError():
            # The log itself may have failed; its events are enough to resume from.
            failure = with_written(error, journal.state)
            if not isinstance(error, FolderError):
                raise failure from error
            try:
                await journal.append(_failed(failure))
            except MachineError:  # the same disk may hold the log
                raise failure from error
        case _:
            await journal.append(_failed(error))


def _failed(error: CoderError | SandboxError) -> RunStopped:
    exit_code = error.exit_code if isinstance(error, CoderError) else MachineError.exit_code
    return RunStopped(
        status="error",
        reason=str(error),
        exit_code=exit_code,
        error=str(error),
        needs_packages=isinstance(error, PackagesMissing),
    )
