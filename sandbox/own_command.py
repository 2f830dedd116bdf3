"""How the user starts this program: what every printed command begins with."""

import os

VARIABLE = "CODER_COMMAND"
"""Set by `./run`, after which there is no `coder` on PATH."""


def own_command() -> str:
    """`coder`, or what was typed in its place, such as `./run`."""
    return os.environ.get(VARIABLE) or "coder"
