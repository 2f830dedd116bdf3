"""The entry of `coder`. It loads nothing before a signal in the first moments is met in words, too."""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from coder.show.signals import INTERRUPTED, end_on_signals, ignore_signals

_OBJECTS = 100_000
"""Made before the collector looks for garbage: every 700, it would look through what was imported."""


def entry() -> NoReturn:
    """Run `coder`, and end the process without freeing what its end frees anyway: a tenth of a second."""
    gc.set_threshold(_OBJECTS, 50, 100)
    code = main()
    with suppress(OSError):  # stderr is closed: the exit code still reports
        sys.stderr.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `coder` with these arguments, by default those of the process, and return its exit code."""
    try:
        end_on_signals()
        from coder.people.cli.app import run  # typer: the first tenth of a second, which Ctrl-C may meet

        code = run(arguments)
    except KeyboardInterrupt:
        print("error: Interrupted.", file=sys.stderr)
        code = INTERRUPTED
    ignore_signals()
    return code
