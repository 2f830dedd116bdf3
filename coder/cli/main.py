"""The entry of `coder`. It loads nothing before a signal in the first moments is met in words, too."""

import sys
from collections.abc import Sequence

from coder.cli.signals import INTERRUPTED, ignore_signals, interrupt_on_signals


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `coder` with these arguments, by default those of the process, and return its exit code."""
    try:
        interrupt_on_signals()
        from coder.cli.app import run  # typer: the first tenth of a second, which Ctrl-C may meet

        code = run(arguments)
    except KeyboardInterrupt:
        print("error: Interrupted.", file=sys.stderr)
        code = INTERRUPTED
    ignore_signals()
    return code
