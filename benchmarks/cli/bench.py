"""`coder bench`: run a suite, or grade existing answers, and report."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import ClassVar

from coder.console.command_groups import Commands
from coder.console.flags import group

HOMES = {
    "run": "benchmarks.cli.run_suite:run",
    "grade": "benchmarks.cli.grade_command:grade",
    "audit": "benchmarks.cli.audit_command:audit",
    "merge": "benchmarks.cli.merge_command:merge",
    "report": "benchmarks.cli.report_commands:report",
    "compare": "benchmarks.cli.report_commands:compare",
    "list": "benchmarks.cli.report_commands:list_suites",
}


class BenchCommands(Commands):
    """The commands of the group."""

    summaries: ClassVar[Mapping[str, str]] = {
        "run": "Have a model answer the cases of a suite, and judge its answers.",
        "grade": "Score answers of another program.",
        "audit": "Examine a suite: how strong verdicts on its cases are, and whether they are sound.",
        "merge": "Make one report of the shards of a run.",
        "report": "Show a report, or write it as HTML, Markdown or JUnit XML.",
        "compare": "Compare runs over one suite case by case, with the p-value.",
        "list": "List the suites that can be given by name, or what was run.",
    }

    def found(self) -> dict[str, EntryPoint]:
        """All commands by name."""
        return {name: EntryPoint(name, home, "benchmarks") for name, home in HOMES.items()}


app = group(
    cls=BenchCommands,
    no_args_is_help=True,
    help="Score models and answers on suites of cases, by a judge that they can't reach.",
)


@app.callback()
def _bench() -> None:
    """The options that stand before a command of the group: there are none."""
