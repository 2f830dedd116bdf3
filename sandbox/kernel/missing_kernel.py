"""What to say where there is no ipykernel."""

import sys
from pathlib import Path

from sandbox.interpreter.interpreter import describe
from sandbox.interpreter.packages import fits


def install_command(backend: str, python: Path | None) -> str:
    """The command that gives programs of a backend a kernel.

    It names our own Python wherever theirs can borrow from that: theirs may be Debian's, which refuses pip.

    Args:
        backend: where programs run.
        python: the interpreter that the policy names; None for the usual one.
    """
    if backend == "docker":
        return "coder sandbox build"
    theirs = describe(python)
    named = sys.executable if backend == "bubblewrap" and fits(theirs) else theirs.path
    return f"{named} -m pip install ipykernel jupyter_client"
