"""Find out whether a test handles errors of the statement that is running."""

from __future__ import annotations

import dis
import sys
from types import FrameType


def has_handler() -> bool:
    """Return whether the test or prompt is running a statement inside of a `try` or `with`.

    True if code objects have no table of handlers, as before Python 3.11.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<") and not name.startswith("<frozen") and _handles(frame):
            return True
        frame = frame.f_back
    return False


def _handles(frame: FrameType) -> bool:
    code = frame.f_code
    entries = getattr(dis.Bytecode(code), "exception_entries", None)
    if entries is None:
        return True
    handler = dis.opmap["PUSH_EXC_INFO"]  # the interpreter's own clean-up, as after a comprehension, has none
    return any(
        one.start <= frame.f_lasti < one.end and code.co_code[one.target] == handler for one in entries
    )
