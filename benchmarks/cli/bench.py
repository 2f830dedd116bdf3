"""`coder bench`: run a suite, or grade existing answers, and report."""

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint
from typing import ClassVar

from coder.show.command_groups import Commands
from coder.show.flags import group

COMMANDS = {
    "run": ("run_suite:run", "Have a model answer the cases of a suite, and judge its answers."),
    "grade": ("grade_command:grade", "Score answers of another program."),
    "audit": (
        "audit_command:audit",
        "Examine a suite: how strong verdicts on its cases are, and whether they are sound.",
    ),
    "merge": ("merge_command:merge", "Make one report of the shards of a run."),
    "status": ("status_command:status", "Show how far a run is, and what its nodes do."),
    "plan": ("plan_command:plan", "Say how many samples a comparison needs, and what they cost."),
    "watch": ("watch_command:watch", "Make one round of a suite, and say whether it has become worse."),
    "report": ("report_commands:report", "Show a report, or write it as HTML, Markdown or JUnit XML."),
    "compare": ("report_commands:compare", "Compare runs over one suite case by case, with the p-value."),
    "trend": ("report_commands:trend", "Show how the score of repeated runs moves, in all and by group."),
    "list": ("report_commands:list_suites", "List the built-in suites, or the runs of this machine."),
}
"""Entry point and summary of each command; the module is loaded only when the command is called."""


class BenchCommands(Commands):
    """Commands of `coder bench`."""

    summaries: ClassVar[Mapping[str, str]] = {name: summary for name, (_, summary) in COMMANDS.items()}

    @cached_property
    def entries(self) -> dict[str, EntryPoint]:
        """Entry points of all commands by name."""
        homes = {name: f"benchmarks.cli.{target}" for name, (target, _) in COMMANDS.items()}
        return {name: EntryPoint(name, home, "benchmarks") for name, home in homes.items()}


app = group(
    cls=BenchCommands,
    no_args_is_help=True,
    help="Score models and answers on suites of cases, by a judge that they can't reach.",
)


@app.callback()
def _bench() -> None:
    """Make `coder bench` a group: it takes no options before the command."""
