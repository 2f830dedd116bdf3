"""The policy of a run's sandboxes, from its settings; the interpreter is the task's own."""

import os
from pathlib import Path

from coder.environment.installed import Installed
from coder.errors import UsageError
from coder.run.settings import Settings
from sandbox import Policy
from sandbox.interpreter.interpreter import find_interpreter


def policy_of(settings: Settings, *, workspace: Path | None) -> Policy:
    """What programs of a run may use.

    Args:
        workspace: the user's folder, whose `.venv` is the task's.

    Raises:
        UsageError: the interpreter that was named can't be used.
    """
    named = settings.python
    if settings.installed is not None:
        entry = Installed(settings.installed)
        if not entry.is_there:
            raise UsageError(f"What was installed for this run has gone: {entry.folder}. Start a new one.")
        named = entry.python or named
    try:
        interpreter = find_interpreter(named, workspace=workspace, environ=os.environ)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Policy(
        memory_mb=settings.memory_mb,
        processes=settings.processes,
        wall_s=settings.program_timeout_s,
        cpu_s=settings.program_timeout_s,
        cpus=settings.cpus,
        image=settings.image,
        runtime=settings.runtime,
        network=settings.network,
        python=interpreter.path,
        kernel=settings.kernel,
    )
