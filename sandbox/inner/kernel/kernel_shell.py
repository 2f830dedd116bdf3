"""IPython without a terminal and without history: text goes to descriptors, every rich output to a file."""

from __future__ import annotations

import builtins
import io
import sys
from contextlib import suppress
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from sandbox.inner.kernel.rich_output import RichOutput
from sandbox.inner.process.execute import exit_code, forget_server

_SETTINGS: dict[str, dict[str, object]] = {
    "HistoryManager": {"enabled": False},
    "InteractiveShell": {"colors": "NoColor", "xmode": "Plain"},
}


class Output(io.TextIOWrapper):
    """Text to a descriptor, a line at a time."""

    at_line_start = True

    def __init__(self, descriptor: int) -> None:
        raw = io.FileIO(descriptor, "w", closefd=False)
        super().__init__(io.BufferedWriter(raw), encoding="utf-8", errors="replace", line_buffering=True)

    def write(self, text: str) -> int:
        """Write text, and note whether a line ends with it."""
        if text:
            self.at_line_start = text.endswith("\n")
        return super().write(text)


class _Hook(DisplayHook):  # type: ignore[misc]
    """Shows the value of a cell's last expression."""

    def write_output_prompt(self) -> None:
        """Show no prompt."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: object = None) -> None:
        """Show a value in all its types."""
        self.shell.rich.show(format_dict)

    def finish_displayhook(self) -> None:
        """Add nothing."""


class _Publisher(DisplayPublisher):  # type: ignore[misc]
    """Shows what a cell displays."""

    def publish(self, data: dict[str, Any], *_: Any, transient: Any = None, **__: Any) -> None:
        """Show one output in all its types."""
        self.shell.rich.show(data, (transient or {}).get("display_id"))

    def clear_output(self, wait: bool = False) -> None:
        """Keep what was shown."""


class Shell(InteractiveShell):  # type: ignore[misc]
    """Runs cells."""

    leaves = False
    """A cell asked to end the shell."""
    rich: RichOutput

    def run(self, source: str, place: str, *, names_pictures: bool) -> int:
        """Run a cell; its exit code, which is 1 for an error.

        `place` begins the paths of its files; `names_pictures` adds a line of text for each picture.
        """
        self.rich = RichOutput(self.out, place, names_pictures=names_pictures)
        self.out.at_line_start = True
        done = self.run_cell(source, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        code = 0 if error is None else exit_code(error.code) if isinstance(error, SystemExit) else 1
        self.flush()
        return code

    def flush(self) -> None:
        """Write what waits, where it has a reader."""
        for stream in (sys.stdout, sys.stderr, self.out, self.err):
            with suppress(OSError, ValueError):
                stream.flush()

    def ask_exit(self) -> None:
        """End the shell after this cell."""
        self.leaves = True

    def _showtraceback(self, etype: object, evalue: object, stb: list[str]) -> None:
        if etype is not SystemExit:
            print(self.InteractiveTB.stb2text(stb).rstrip("\n"), file=self.err)


def open_shell(home: str) -> Shell:
    """The shell of this process, which has its files in a folder."""
    Shell.out, Shell.err = Output(1), Output(2)
    forget_server()
    sys.path.insert(0, "")  # modules of the workspace can be imported from here on, and not before
    sys.argv = ["ipython"]
    sys.stdout, sys.stderr, builtins.input = Shell.out, Shell.err, _refuse_input
    shell: Shell = Shell.instance(
        config=Config(_SETTINGS), ipython_dir=home, displayhook_class=_Hook, display_pub_class=_Publisher
    )
    return shell


def _refuse_input(prompt: object = "") -> str:
    raise StdinNotImplementedError("there is no input: a cell runs without a terminal")
