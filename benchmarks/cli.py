"""`coder bench`: run a suite, or grade answers that exist, and look at what came of it."""

import typer

from benchmarks.cli_audit import audit
from benchmarks.cli_grade import grade
from benchmarks.cli_merge import merge
from benchmarks.cli_reports import compare, list_suites, report
from benchmarks.cli_run import run

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    help="Score models and answers on suites of cases, by a judge that they can't reach.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _bench() -> None:
    """The options that stand before a command of the group: there are none."""


app.command("run")(run)
app.command("grade")(grade)
app.command("audit")(audit)
app.command("merge")(merge)
app.command("report")(report)
app.command("compare")(compare)
app.command("list")(list_suites)
