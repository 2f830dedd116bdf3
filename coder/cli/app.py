"""The application: runs a command by its name, and turns every failure into words and an exit code."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer.main import get_command

from coder.console.command_groups import Commands
from coder.console.failure import open_streams, report
from coder.console.flags import group
from coder.errors import own_command

HELP = "Give it a task in words: a model writes code, a sandbox runs it, and it stops when the tests pass."
EPILOG = (
    "Exit codes: 0 solved, 1 not solved, 2 usage, 3 limit, 4 model, 5 sandbox or machine, 6 stuck, "
    "7 refused, 8 unverified, 9 waiting, 130 interrupted."
)

app = group(name="coder", cls=Commands, add_completion=True, no_args_is_help=True, help=HELP, epilog=EPILOG)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"coder {version('coder-agent')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options that stand before a command."""


def run(arguments: Sequence[str] | None) -> int:
    """Run a command, by default that of the process, and return its exit code."""
    open_streams()
    try:
        get_command(app).main(args=arguments, prog_name=own_command())
    except SystemExit as ended:
        # typer makes exit code 1 of it, which is ours for a task that was not solved.
        if isinstance(ended.__context__, BrokenPipeError):
            return report(ended.__context__)
        return _flushed(ended.code if isinstance(ended.code, int) else 0)
    except Exception as error:  # noqa: BLE001 - the outermost frame: everything becomes words and an exit code
        return report(error)
    return _flushed(0)


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        return report(error)
    return code
