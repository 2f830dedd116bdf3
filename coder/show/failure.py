"""Report a failure: a message and an exit code, with a traceback only on request.

This file also repairs the standard streams of a command, in case its caller has closed them.
"""

import errno
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from coder.base.errors import CoderError
from coder.show.styling import print_error

MACHINE_EXIT_CODE = 5
MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EFBIG}
BROKEN_PIPE = 141
"""Exit code 128 + SIGPIPE: the reader of our output has closed the pipe."""


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an error."""
    match single(error):
        case CoderError() as coder_error:
            return coder_error.exit_code
        case BrokenPipeError():
            return BROKEN_PIPE
        case _:
            return MACHINE_EXIT_CODE


def report(error: BaseException) -> int:
    """Print an error on stderr, and return its exit code."""
    from sandbox.errors import SandboxError  # loads pydantic: not on the path of `--help`

    match single(error):
        case CoderError() as coder_error:
            say(str(coder_error))
        case SandboxError() as sandbox_error:
            say(str(sandbox_error))
        case BrokenPipeError():
            close_stdout()
        case OSError(errno=number) as machine_error if number in MACHINE_ERRORS:
            close_stdout()
            say(f"This machine failed: {machine_error.strerror}{_where(machine_error)}.")
        case unexpected:
            _report_bug(unexpected)
    return exit_code_of(error)


def single(error: BaseException) -> BaseException:
    """Return the single error inside nested groups; with several errors, the group itself."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def say(message: str) -> None:
    """Print an error: the summary first, then the rest below, without control characters."""
    from coder.base.text.sanitize import printable  # not on the path of `--help`

    summary, _, details = printable(message).partition("\n")
    with suppress(OSError):  # stderr is full or closed, but the exit code still reports the result
        print_error([summary, *(line.strip() for line in details.splitlines())])


def _where(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ", when something was to be written"


def _report_bug(error: BaseException) -> None:
    from coder.base.text.redact import Redactor  # imported late: rarely needed

    # The error may quote its input: a key, or an address with a password.
    redact = Redactor.from_environment().redact
    trace = redact("".join(traceback.format_exception(error)))
    if os.environ.get("CODER_DEBUG") == "1":
        print(trace, file=sys.stderr, end="")
        return
    say(f"This is a bug in coder: {type(error).__name__}: {redact(str(error))}\n{save_traceback(trace)}")


def save_traceback(trace: str) -> str:
    """Save a traceback without secrets in a file, and return a sentence that names the file."""
    import platformdirs  # imported late: rarely needed

    home = os.environ.get("CODER_HOME") or platformdirs.user_data_dir("coder")
    path = Path(home) / "crashes" / f"{os.getpid()}.txt"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(trace, encoding="utf-8", errors="backslashreplace")
        path.chmod(0o600)
    except OSError:
        return "Start it again with CODER_DEBUG=1 to see the traceback."
    return f"The traceback is in {path}; please send it with your report."


def open_streams() -> None:
    """Open closed standard streams, and make them accept any text.

    A stream that was closed (`>&-`) is opened on the null device, before one of our files takes its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        # File names and program output may be invalid in the terminal's encoding.
        getattr(stream, "reconfigure", lambda **_: None)(encoding="utf-8", errors="backslashreplace")


def close_stdout() -> None:
    """Redirect stdout to the null device, so that the interpreter's last flush to a closed pipe succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
