"""Report a failure: words and an exit code, a traceback only on request.

The standard streams of a command are here too, whatever its caller has done to them.
"""

import errno
import os
import sys
import traceback
from pathlib import Path

from coder.base.errors import CoderError
from coder.show.styling import print_error

MACHINE = 5
MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EFBIG}
BROKEN_PIPE = 141
"""128 + SIGPIPE: the reader of our output has closed it."""


def exit_code_of(error: BaseException) -> int:
    """The exit code that goes with an error."""
    match single(error):
        case CoderError() as known:
            return known.exit_code
        case BrokenPipeError():
            return BROKEN_PIPE
        case _:
            return MACHINE


def report(error: BaseException) -> int:
    """Say on stderr what happened, and return the exit code that goes with it."""
    from sandbox.errors import SandboxError  # loads pydantic: not on the path of `--help`

    match single(error):
        case CoderError() as known:
            say(str(known))
        case SandboxError() as broken:
            say(str(broken))
        case BrokenPipeError():
            close_stdout()
        case OSError(errno=number) as failed if number in MACHINE_ERRORS:
            close_stdout()
            say(f"This machine failed: {failed.strerror}{_where(failed)}.")
        case other:
            _report_bug(other)
    return exit_code_of(error)


def single(error: BaseException) -> BaseException:
    """The one error inside nested groups; the group itself where there are several."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def say(message: str) -> None:
    """Print an error: what happened first, then the rest beneath it; what it quotes is harmless."""
    from coder.base.text.sanitize import printable  # not on the path of `--help`

    first, _, rest = printable(message).partition("\n")
    print_error([first, *(line.strip() for line in rest.splitlines())])


def _where(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ", when something was to be written"


def _report_bug(error: BaseException) -> None:
    from coder.base.text.redact import Redactor  # only needed here, on a path that is hardly ever taken

    # Whatever failed may quote what it was given: a key, the address with a password.
    redact = Redactor.from_environment().redact
    trace = redact("".join(traceback.format_exception(error)))
    if os.environ.get("CODER_DEBUG") == "1":
        print(trace, file=sys.stderr, end="")
        return
    say(f"This is a bug in coder: {type(error).__name__}: {redact(str(error))}\n{_kept(trace)}")


def _kept(trace: str) -> str:
    import platformdirs  # only needed here, on a path that is hardly ever taken

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
    """Have all three, and any text fit through them.

    One that was closed (`>&-`) gets a place to go to, before a file of ours takes its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        # Names of files and text of programs need not be valid in the terminal's encoding.
        getattr(stream, "reconfigure", lambda **_: None)(encoding="utf-8", errors="backslashreplace")


def close_stdout() -> None:
    """Give the interpreter's last flush somewhere to go when the reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
