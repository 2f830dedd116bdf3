"""The commands of `coder`: found by name in the entry point group `coder.commands`, loaded only when called.

An entry point names a function with typer's annotations, or a `typer.Typer` for a group of commands.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

GROUP = "coder.commands"
SUMMARIES = {
    "solve": "Write code for a task, run it in a sandbox, and stop when the tests pass.",
    "fix": "Make a command pass that fails: tests, in the folder where you are.",
    "chat": "Talk about a folder: each message is a task, each change is yours to approve.",
    "run": "Run one program in a sandbox, with no model.",
    "ls": "List the runs.",
    "show": "Show each turn of a run: prompt, answer, code, output.",
    "resume": "Go on with a run that stopped, also with raised limits.",
    "undo": "Take back the files that a run wrote.",
    "export": "Print the patch of a run.",
    "models": "List models, load the catalogue of them, try one.",
    "bench": "Score models and answers on suites of cases.",
    "gate": "Hold a benchmark's report to thresholds and to a baseline.",
    "doctor": "Say what works on this machine, and what to do about the rest.",
    "sandbox": "Say what keeps programs in here, build Docker's image, remove what was left over.",
}
"""What `--help` says of our own commands without loading them, in the order in which it lists them."""


class Formatter(Protocol):
    """What is used here of typer's formatter of help."""

    def section(self, name: str) -> AbstractContextManager[None]:
        """A heading with what is written inside beneath it."""

    def write_dl(self, rows: list[tuple[str, str]]) -> None:
        """Names and what they mean, in two columns."""


class Commands(TyperGroup):
    """A group whose commands are loaded by name."""

    def list_commands(self, ctx: object) -> list[str]:
        """Our own commands first, then those of other packages by name."""
        found = _found()
        return [*(name for name in SUMMARIES if name in found), *sorted(found.keys() - SUMMARIES.keys())]

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """Load one command; None for a name that nobody gave."""
        entry = _found().get(cmd_name)
        if entry is None:
            # typer names the nearest of the commands that it knows.
            self.commands = dict.fromkeys(_found(), TyperCommand(None))
            return None
        loaded: Callable[..., None] | typer.Typer = entry.load()
        return _command(cmd_name, loaded)

    def format_commands(self, ctx: object, formatter: Formatter) -> None:
        """The list in `--help`."""
        found = _found()
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(found[name])) for name in self.list_commands(ctx)])


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _summary(entry: EntryPoint) -> str:
    return SUMMARIES.get(entry.name) or f"From the package {entry.dist.name if entry.dist else entry.module}."


def _command(name: str, loaded: Callable[..., None] | typer.Typer) -> TyperCommand | TyperGroup:
    if not isinstance(loaded, typer.Typer):
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        app.command(name, context_settings={"help_option_names": ["-h", "--help"]})(loaded)
        loaded = app
    command = cast(TyperCommand | TyperGroup, get_command(loaded))
    command.name = name
    return command
