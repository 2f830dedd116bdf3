"""The application: run a command by its name, and turn every failure into a message and an exit code."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer.main import get_command

from coder.base.errors import own_command
from coder.people.cli.other_words import advice_for_command, advice_for_option, whole_command
from coder.show.command_groups import Commands
from coder.show.failure import open_streams, report, say
from coder.show.flags import group

HELP = "Give it a task in words: a model writes code, a sandbox runs it, and it stops when the tests pass."
EPILOG = (
    "Exit codes: 0 solved or answered, 1 not solved, 2 usage, 3 limit, 4 model, 5 sandbox or machine, "
    "6 stuck, 7 refused, 8 unverified, 9 waiting, 10 blob store refused, 130 interrupted."
)

app = group(name="coder", cls=Commands, add_completion=True, no_args_is_help=True, help=HELP, epilog=EPILOG)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"coder {version('coder-agent')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that precede a command."""


def run(arguments: Sequence[str] | None) -> int:
    """Run a command, by default that of the process, and return its exit code."""
    open_streams()
    words = sys.argv[1:] if arguments is None else arguments
    is_terminal = all(
        stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)
    )
    try:
        words = whole_command(words, is_terminal=is_terminal)
        exit_code = get_command(app).main(args=words, prog_name=own_command(), standalone_mode=False)
    except SystemExit as system_exit:
        # typer turns a broken pipe into exit code 1, which here means an unsolved task.
        if isinstance(system_exit.__context__, BrokenPipeError):
            return report(system_exit.__context__)
        exit_code = system_exit.code
    except typer.TyperException as error:
        return _report_usage(error, words)
    except typer.Abort:  # from a prompt of typer, which a command of another package may use
        say("Aborted.")
        return 1
    except Exception as error:  # noqa: BLE001 - the outermost frame: everything becomes words and an exit code
        return report(error)
    return _flush_stdout(exit_code if isinstance(exit_code, int) else 0)


def _report_usage(error: typer.TyperException, words: Sequence[str]) -> int:
    """Print typer's usage error like any other error, with the usage below, and return the exit code.

    Words of another agent get the name that they have here.
    """
    context: typer.Context | None = getattr(error, "ctx", None)
    if context is None:
        say(error.format_message())
    elif error.message == (help_text := context.get_help()):  # a group without a command
        typer.echo(help_text, err=True)
    else:
        usage, option = context.get_usage(), context.help_option_names[0]
        is_first = context.parent is None
        name = next(iter(words), "") if is_first else getattr(error, "option_name", "")
        advice = advice_for_command(name) if is_first else advice_for_option(name)
        say(f"{error.format_message().rstrip('.')}.{advice}\n{usage}\nSee: {context.command_path} {option}")
    return error.exit_code


def _flush_stdout(exit_code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        return report(error)
    return exit_code
