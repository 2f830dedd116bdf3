"""The flags, each with one meaning in every command that takes it; most are options of a run."""

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from coder.base.errors import UsageError, own_command
from coder.run.option_table import KEYS, OPTIONS_BY_HEADING, Choice, File, Flag, Text, Words

_OF_A_CALL: dict[str, dict[str, Flag]] = {
    "Task": {"read": Flag(Words, "Show these files to the model, even ignored ones; read-only.", "GLOB")},
    "Evidence": {
        "test": Flag(Text, 'Command that decides: exit code 0 is solved. "pytest -q".', "CMD", common=True),
    },
    "Delivery": {
        "yes": Flag(bool, "Write without asking.", short="-y", common=True),
        "detach": Flag(bool, "Ask nothing here; stop and wait for `coder approve`."),
    },
    "Model": {"record": Flag(File, "Write every model call to a file.", "FILE")},
    "Sandbox": {
        "install": Flag(bool, "Install what the tests need into a cache first; asks before.", common=True),
        "install_with": Flag(Text, 'Install with this command: "pip install -r dev.txt".', "CMD"),
    },
    "Strategy": {
        "team": Flag(Text, "A team of yours: a file, or its name in your configuration.", "FILE|NAME"),
        "tool": Flag(Words, "A function of yours that the model may call. Repeatable.", "MODULE:FUNCTION"),
        "mcp": Flag(Words, "An MCP server with tools for the model. Repeatable.", "NAME=CMD|URL"),
    },
    "Limits": {},
    "Output": {
        "json": Flag(bool, "Print one JSON document on stdout.", common=True),
        "jsonl": Flag(bool, "Print every event as a line of JSON, as it happens."),
        "quiet": Flag(bool, "Only results and errors.", short="-q", common=True),
        "otlp": Flag(Text, "Send traces to this OpenTelemetry collector.", "URL"),
        "otel_content": Flag(bool, "Send prompts, answers and results with them, too."),
        "verbose": Flag(bool, "Show answers and output as they come.", short="-v", common=True),
    },
}
FLAGS: dict[str, dict[str, Flag]] = {
    heading: {**OPTIONS_BY_HEADING.get(heading, {}), **flags} for heading, flags in _OF_A_CALL.items()
}
"""All of them, by the heading of a help under which they stand: the options of a run, and those above."""
_ALL = {name: flag for flags in FLAGS.values() for name, flag in flags.items()}
WORKING = " ".join(name for name in _ALL if name != "test")
"""Flags of every command that works on a task to its end."""
GOING_ON = " ".join(
    name for name in WORKING.split() if name not in ("read", "kernel", "install", "install_with", "team")
)
"""Flags of every command that continues a run."""
MANY = 20
"""Options of a help above which it lists them under headings, and has a short form."""
ALL = "help_all"
"""The flag of a help that shows all flags, where `-h` shows the common ones."""


def group(**more: Any) -> typer.Typer:  # noqa: ANN401 - as typer has them
    """Commands in a group, with plain help."""
    plain: dict[str, Any] = {
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
        "add_completion": False,
    }
    return typer.Typer(context_settings={"help_option_names": ["-h", "--help"]}, **(plain | more))


def option(flags: str, help: str, metavar: str | None = None, **more: Any) -> Any:  # noqa: ANN401 - typer's
    """An option of one command; its flags are parted by blanks."""
    return typer.Option(*flags.split(), help=help, metavar=metavar, **more)


def _option(name: str) -> Any:  # noqa: ANN401 - typer's private type
    flag = _ALL[name]
    long = f"--{name.replace('_', '-')}"
    flags = f"{long}/--no-{name}" if flag.kind is Choice else f"{long} {flag.short}"
    return option(flags, flag.text, flag.metavar, show_default=False)


Yes = Annotated[bool, _option("yes")]
Json = Annotated[bool, _option("json")]
Quiet = Annotated[bool, _option("quiet")]
Image = Annotated[Text, _option("image")]
Python = Annotated[File, _option("python")]


def given_flags(context: typer.Context) -> dict[str, object]:
    """The flags of this call that are keys of the configuration; None where one wasn't given."""
    return {key: context.params[key] for key in KEYS if key in context.params}


_LACKING = (
    "restricted keeps less than other sandboxes; "
    f"{own_command()} sandbox doctor --backend restricted says what"
)


def check_backend(name: str, flags: Mapping[str, object]) -> None:
    """Warn of a weak backend; UsageError: there is none of that name, or it takes no such flag."""
    from sandbox.open import find_backend  # not on the path of `--help`

    try:
        find_backend(name)
    except ValueError as error:
        raise UsageError(str(error)) from error
    for key in ("image", "runtime"):
        if flags.get(key) is not None and name != "docker":
            raise UsageError(f"--{key} is Docker's, and programs run in {name}. Add: --sandbox docker")
    if name == "unsafe-host":
        from sandbox.backends.unsafe_host import WARNING, UnsafeHostWarning

        warnings.simplefilter("ignore", UnsafeHostWarning)  # said here, in our own words
        print(f"warning: {WARNING}", file=sys.stderr)
    elif name == "restricted":
        print(f"warning: {_LACKING}", file=sys.stderr)


def takes(*flags: str | Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add flags to a command: by names, separated by blanks, or the parameters of a function.

    The command's own flag of the same name wins.
    """
    more: dict[str, inspect.Parameter] = {}
    for each in flags:
        if isinstance(each, str):
            more |= {name: _parameter(name) for name in each.split()}
        else:
            more |= inspect.signature(each).parameters

    def with_flags(command: Callable[..., None]) -> Callable[..., None]:
        own = dict(inspect.signature(command).parameters)
        added = {name: flag for name, flag in more.items() if name not in own}
        rare = frozenset(name for name in added if name in _ALL and not _ALL[name].common)
        if len(own) + len(added) > MANY:
            added[ALL] = inspect.Parameter(
                ALL, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation=_HelpAll
            )
        together = own | added

        @functools.wraps(command)
        def called(**arguments: Any) -> None:  # noqa: ANN401 - of whatever type typer makes of each
            command(**{name: value for name, value in arguments.items() if name in own})

        called.__signature__ = inspect.Signature(list(together.values()))  # type: ignore[attr-defined]
        called.__annotations__ = {name: flag.annotation for name, flag in together.items()}
        called.rare = rare  # type: ignore[attr-defined]
        return called

    return with_flags


def _show_all(context: typer.Context, asked: bool) -> None:
    if asked:
        context.meta[ALL] = True
        typer.echo(context.get_help())
        raise typer.Exit


_HelpAll = Annotated[
    bool, option("--help-all", "Show all options and exit.", is_eager=True, callback=_show_all)
]


def _parameter(name: str) -> inspect.Parameter:
    kind: Any = _ALL[name].kind
    default = False if kind is bool else None
    annotation = Annotated[kind, _option(name)]
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )
