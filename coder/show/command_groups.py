"""The commands of `coder`: found by name in the entry point group `coder.commands`, imported when called.

An entry point names a function with typer's annotations, or a `typer.Typer` for a group of commands.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint
from typing import Any, ClassVar, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from coder.show.first_words import has_command
from coder.show.flags import FLAGS, HELP_ALL, HELP_NAMES, MANY_OPTIONS
from sandbox.interpreter.plugins import find_plugins

GROUP = "coder.commands"
SUMMARIES = {
    "solve": "Write code for a task, run it in a sandbox, and stop when the tests pass.",
    "fix": "Make a failing command pass, such as the tests of this folder.",
    "issue": "Answer an issue or a review of GitHub or GitLab with a pull request.",
    "chat": "Chat about a folder: each message is a task, and you approve each change.",
    "flow": "Run a workflow of yours, whose steps are recorded, or list such runs.",
    "run": "Run one program in a sandbox, with no model.",
    "ls": "List the runs.",
    "show": "Show each turn of a run: prompt, answer, tool calls, code, output.",
    "resume": "Continue a run that stopped; flags may raise its limits.",
    "approve": "Answer the question that a run waits for, and continue it.",
    "stop": "End a run that another process works on.",
    "serve": "Serve runs to programs and browsers over HTTP.",
    "mcp": "Serve programs and runs to other agents by the Model Context Protocol.",
    "acp": "Be the agent of an editor, by the Agent Client Protocol.",
    "fork": "Start a new run from a step of another, with other words or another model.",
    "undo": "Revert the files that a run wrote.",
    "export": "Print the patch of a run.",
    "models": "List models, and load the catalogue of them.",
    "bench": "Score models and answers on suites of cases.",
    "gate": "Check a benchmark report against thresholds and a baseline.",
    "doctor": "Say what works on this machine, and what to do about the rest.",
    "setup": "Install what is missing: bubblewrap, optional packages, the embedded model.",
    "config": "Show each setting, and where its value comes from.",
    "store": "Move, check or clean the store of runs.",
    "memory": "List, forget or turn off what earlier runs teach later ones.",
    "skills": "List the skills and commands that a run may use, and what was refused.",
    "sandbox": "Inspect the sandbox, build its Docker image, clean up leftovers.",
}
"""Summaries of our own commands for `--help`, which imports no command, in order of display."""

_COMMAND_FLAGS = {
    "Task": "path file picture hint event event_name prompt trigger_phrase label branch_prefix "
    "answer no edit step say resume latest filter slice shuffle shard",
    "Evidence": "test_file check min_strength",
    "Strategy": "one_shot agent",
    "Limits": "workers",
    "Output": f"stdout out answers help {HELP_ALL}",
}
SECTIONS = {heading: " ".join([*flags, _COMMAND_FLAGS.get(heading, "")]) for heading, flags in FLAGS.items()}
"""Headings of a long help, with the parameters listed below each."""
OTHER_OPTIONS = "Other options"
"""Heading of options without a section, such as a flag of another package's command."""

COMMAND = "coder.command"
"""Key of a context's `meta` for the words after `--`, the command that must pass."""
_WRAPPING_COMMANDS = frozenset({"fix", "solve"})
"""Commands that may end in another command line."""


class SectionedCommand(TyperCommand):
    """A command whose help lists many options under headings, and few options in one list.

    With many options, `-h` shows the command's own and the common ones, and `--help-all` shows all.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - a private type of typer's
        """Parse the words of a command line; those after `--` are another command's, in `ctx.meta`.

        Without `--` a command may begin with the first word: then `-m` (`coder fix python -m pytest`) names
        no model.
        """
        if self.name not in _WRAPPING_COMMANDS:
            return super().parse_args(ctx, args)
        if "--" in args:
            position = args.index("--")
            args, ctx.meta[COMMAND] = args[:position], tuple(args[position + 1 :])
        elif self.name == "fix":
            ctx.allow_interspersed_args = False
            values, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            ctx.allow_interspersed_args = not has_command(values.get("words") or ())
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - private types of typer's
        """Write arguments, then options; a long help has sections."""
        param_rows = [(param, row) for param in self.get_params(ctx) if (row := param.get_help_record(ctx))]
        options = [
            (param.name, (row[0].replace(f", {HELP_NAMES[-1]}", ""), row[1]))
            for param, row in param_rows
            if param.param_type_name == "option"
        ]
        lists = {"Arguments": [row for param, row in param_rows if param.param_type_name == "argument"]}
        is_long, left_out = len(options) > MANY_OPTIONS, self._left_out(ctx)
        options = [(name, row) for name, row in options if name not in left_out]
        width = max(len(flags) for _, (flags, _) in options)
        for name, (flags, meaning) in options:
            heading = _section(name) if is_long else "Options"
            lists.setdefault(heading, []).append((flags.ljust(width), meaning))
        for heading in ("Arguments", "Options", *SECTIONS, OTHER_OPTIONS):
            if lists.get(heading):
                with formatter.section(heading):
                    formatter.write_dl(lists[heading])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - private types of typer's
        """Write the last line, which says how to see the omitted options."""
        if count := len(self._left_out(ctx)):
            formatter.write_paragraph()
            formatter.write_text(f"{count} more options: {ctx.command_path} --help-all")

    def _left_out(self, ctx: Any) -> frozenset[str]:  # noqa: ANN401 - a private type of typer's
        """Return the names of options that this help doesn't show."""
        has_all = any(param.name == HELP_ALL for param in self.params)
        is_short = has_all and not ctx.meta.get(HELP_ALL)
        return getattr(self.callback, "rare", frozenset()) if is_short else frozenset()


def _section(name: str | None) -> str:
    return next((heading for heading, names in SECTIONS.items() if name in names.split()), OTHER_OPTIONS)


class Commands(TyperGroup):
    """A group whose commands are imported by name, by default the commands of `coder`."""

    summaries: ClassVar[Mapping[str, str]] = SUMMARIES
    """Summary of each command for the list, which imports none of them."""

    @cached_property
    def entries(self) -> dict[str, EntryPoint]:
        """Entry points of all commands, by name."""
        return {entry.name: entry for entry in find_plugins(GROUP)}

    def list_commands(self, ctx: object) -> list[str]:
        """Return our own commands first, then those of other packages by name."""
        entries, summaries = self.entries, self.summaries
        return [*(name for name in summaries if name in entries), *sorted(entries.keys() - summaries.keys())]

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """Return one command; None for an unknown name."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            # typer suggests the most similar of the commands that it knows.
            self.commands = dict.fromkeys(self.entries, TyperCommand(None))
            return None
        loaded: Callable[..., None] | typer.Typer = entry.load()
        return _command(cmd_name, loaded)

    def invoke(self, ctx: Any) -> None:  # noqa: ANN401 - a private type of typer's
        """Run a command and discard its return value; only `typer.Exit` sets an exit code."""
        super().invoke(ctx)

    def format_commands(self, ctx: object, formatter: Any) -> None:  # noqa: ANN401 - a private type of typer's
        """Write the list of commands in `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self._summary(self.entries[name])) for name in self.list_commands(ctx)]
            )

    def _summary(self, entry: EntryPoint) -> str:
        if summary := self.summaries.get(entry.name):
            return summary
        return f"From the package {entry.dist.name if entry.dist else entry.module}."


@cache
def _command(name: str, loaded: Callable[..., None] | typer.Typer) -> TyperCommand | TyperGroup:
    if not isinstance(loaded, typer.Typer):
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        app.command(name, cls=SectionedCommand, context_settings={"help_option_names": HELP_NAMES})(loaded)
        loaded = app
    command = cast(TyperCommand | TyperGroup, get_command(loaded))
    command.name = name
    return command
