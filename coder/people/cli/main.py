"""The entry point of `coder`.

It imports nothing before signals have handlers, so an early Ctrl-C is reported.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from coder.show.signals import INTERRUPTED, end_on_signals, ignore_signals

_COLLECTION_THRESHOLD = 100_000
"""Allocations before a garbage collection, as the default of 700 would often scan all imports."""


def entry() -> NoReturn:
    """Run `coder`, and end the process without freeing memory, which saves a tenth of a second."""
    gc.set_threshold(_COLLECTION_THRESHOLD, 50, 100)
    if (
        path := os.environ.get("PATH")
    ) is not None:  # no program of the current folder is started by its name
        os.environ["PATH"] = os.pathsep.join(filter(os.path.isabs, path.split(os.pathsep)))
    exit_code = main()
    with suppress(OSError):  # stderr is closed, but the exit code still reports the result
        sys.stderr.flush()
    os._exit(exit_code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `coder` with these arguments, by default those of the process, and return its exit code."""
    try:
        end_on_signals()
        from coder.people.cli.app import run  # typer: the first tenth of a second, which Ctrl-C may meet

        exit_code = run(arguments)
    except KeyboardInterrupt:
        print("error: Interrupted.", file=sys.stderr)
        exit_code = INTERRUPTED
    ignore_signals()
    return exit_code
