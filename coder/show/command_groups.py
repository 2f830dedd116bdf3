"""The commands of `coder`: found by name in the entry point group `coder.commands`, loaded only when called.

An entry point names a function with typer's annotations, or a `typer.Typer` for a group of commands.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from coder.show.flags import ALL, FLAGS, MANY

GROUP = "coder.commands"
SUMMARIES = {
    "solve": "Write code for a task, run it in a sandbox, and stop when the tests pass.",
    "fix": "Make a failing command pass, such as the tests of this folder.",
    "chat": "Chat about a folder: each message is a task, and you approve each change.",
    "run": "Run one program in a sandbox, with no model.",
    "ls": "List the runs.",
    "show": "Show each turn of a run: prompt, answer, tool calls, code, output.",
    "resume": "Continue a run that stopped; flags may raise its limits.",
    "approve": "Answer the question that a run waits for, and continue it.",
    "stop": "End a run that another process works on.",
    "serve": "Serve runs to programs and browsers over HTTP.",
    "mcp": "Serve programs and runs to other agents by the Model Context Protocol.",
    "fork": "Start a new run from a step of another, with other words or another model.",
    "undo": "Revert the files that a run wrote.",
    "export": "Print the patch of a run.",
    "models": "List models, and load the catalogue of them.",
    "bench": "Score models and answers on suites of cases.",
    "gate": "Check a benchmark report against thresholds and a baseline.",
    "doctor": "Say what works on this machine, and what to do about the rest.",
    "config": "Show each setting, and where its value comes from.",
    "sandbox": "Inspect the sandbox, build its Docker image, clean up leftovers.",
}
"""What `--help` says of our own commands without loading them, in the order in which it lists them."""

_OWN = {
    "Task": "path file picture hint answer no edit step say resume latest filter slice shuffle shard",
    "Evidence": "test_file check include_weaker",
    "Strategy": "one_shot",
    "Limits": "workers",
    "Output": f"out answers help {ALL}",
}
SECTIONS = {heading: " ".join([*flags, _OWN.get(heading, "")]) for heading, flags in FLAGS.items()}
"""The headings of a long help, each with the parameters beneath it."""
OTHER = "Other options"
"""The heading of what stands in no section, such as a flag of another package's command."""

_ENDS_IN_A_COMMAND = frozenset({"fix"})
"""From the first word on all is another program's: `-m` of `coder fix python -m pytest` names no model."""


class SectionedCommand(TyperCommand):
    """A command whose help lists many options under headings, and few as one list.

    Of many, `-h` shows those that the command alone has and the common ones, `--help-all` every one.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - private types of typer's
        """Arguments, then options: those of a long help by sections."""
        shown = [(param, row) for param in self.get_params(ctx) if (row := param.get_help_record(ctx))]
        options = [(param.name, row) for param, row in shown if param.param_type_name == "option"]
        lists = {"Arguments": [row for param, row in shown if param.param_type_name == "argument"]}
        is_long, left_out = len(options) > MANY, self._left_out(ctx)
        options = [(name, row) for name, row in options if name not in left_out]
        width = max(len(flags) for _, (flags, _) in options)
        for name, (flags, meaning) in options:
            heading = _section(name) if is_long else "Options"
            lists.setdefault(heading, []).append((flags.ljust(width), meaning))
        for heading in ("Arguments", "Options", *SECTIONS, OTHER):
            if lists.get(heading):
                with formatter.section(heading):
                    formatter.write_dl(lists[heading])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - private types of typer's
        """The last line: how to see the options that were left out."""
        if count := len(self._left_out(ctx)):
            formatter.write_paragraph()
            formatter.write_text(f"{count} more options: {ctx.command_path} --help-all")

    def _left_out(self, ctx: Any) -> frozenset[str]:  # noqa: ANN401 - a private type of typer's
        """Names of the options that this help doesn't show."""
        has_all = any(param.name == ALL for param in self.params)
        is_short = has_all and not ctx.meta.get(ALL)
        return getattr(self.callback, "rare", frozenset()) if is_short else frozenset()


def _section(name: str | None) -> str:
    return next((heading for heading, names in SECTIONS.items() if name in names.split()), OTHER)


class Commands(TyperGroup):
    """A group whose commands are loaded by name: here those of `coder` itself."""

    summaries: ClassVar[Mapping[str, str]] = SUMMARIES
    """The summary of each command for the list, which loads none of them."""

    @cached_property
    def entries(self) -> dict[str, EntryPoint]:
        """Entry points of all commands, by name."""
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, ctx: object) -> list[str]:
        """List our own commands first, then those of other packages by name."""
        entries, summaries = self.entries, self.summaries
        return [*(name for name in summaries if name in entries), *sorted(entries.keys() - summaries.keys())]

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """Load one command; None for an unknown name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            # typer names the nearest of the commands that it knows.
            self.commands = dict.fromkeys(self.entries, TyperCommand(None))
            return None
        loaded: Callable[..., None] | typer.Typer = entry.load()
        return _command(cmd_name, loaded)

    def invoke(self, ctx: Any) -> None:  # noqa: ANN401 - a private type of typer's
        """Run a command; what it returns is no exit code, as `typer.Exit` gives one."""
        super().invoke(ctx)

    def format_commands(self, ctx: object, formatter: Any) -> None:  # noqa: ANN401 - a private type of typer's
        """The list in `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self._summary(self.entries[name])) for name in self.list_commands(ctx)]
            )

    def _summary(self, entry: EntryPoint) -> str:
        if summary := self.summaries.get(entry.name):
            return summary
        return f"From the package {entry.dist.name if entry.dist else entry.module}."


def _command(name: str, loaded: Callable[..., None] | typer.Typer) -> TyperCommand | TyperGroup:
    if not isinstance(loaded, typer.Typer):
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        settings = {
            "help_option_names": ["-h", "--help"],
            "allow_interspersed_args": name not in _ENDS_IN_A_COMMAND,
        }
        app.command(name, cls=SectionedCommand, context_settings=settings)(loaded)
        loaded = app
    command = cast(TyperCommand | TyperGroup, get_command(loaded))
    command.name = name
    return command
