"""The flags, each with one meaning in every command that takes it; most are options of a run."""

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from coder.base.errors import UsageError, own_command
from coder.run.option_table import KEYS, OPTIONS_BY_HEADING, Choice, File, Flag, Number, Text, Words

_CALL_FLAGS: dict[str, dict[str, Flag]] = {
    "Task": {
        "read": Flag(Words, "Show these files to the model, even ignored ones; read-only.", "GLOB"),
        "answer_schema": Flag(File, "Print an answer that fits this JSON Schema.", "FILE"),
    },
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
    "Limits": {
        "worker_tokens": Flag(File, "With --workers URL: a file with a line `URL TOKEN` for each.", "FILE"),
        "ray": Flag(Text, "Spread samples over the machines of a Ray cluster.", "local|ADDRESS"),
        "until_decided": Flag(bool, "End as soon as the samples pass or fail --max-drop."),
        "baseline": Flag(File, "With --until-decided: report to compare with.", "FILE"),
        "max_drop": Flag(Number, "With --until-decided: drop to exclude; 0.05 is 5 points.", "SHARE"),
    },
    "Output": {
        "json": Flag(bool, "Print one JSON document on stdout.", common=True),
        "jsonl": Flag(bool, "Print every event as a line of JSON, as it happens."),
        "quiet": Flag(bool, "Only results and errors.", short="-q", common=True),
        "pages": Flag(File, "Write a page per sample: task, verdict, diff, log, trace.", "FOLDER"),
        "otlp": Flag(Text, "Send traces to this OpenTelemetry collector.", "URL"),
        "otel_content": Flag(bool, "Send prompts, answers and results with them, too."),
        "verbose": Flag(bool, "Show answers and output as they come.", short="-v", common=True),
    },
}
FLAGS: dict[str, dict[str, Flag]] = {
    heading: {**OPTIONS_BY_HEADING.get(heading, {}), **flags} for heading, flags in _CALL_FLAGS.items()
}
"""All flags by the heading of the help that lists them: the options of a run, and the flags above."""
_FLAGS_BY_NAME = {name: flag for flags in FLAGS.values() for name, flag in flags.items()}
_OTHER_FLAGS = (
    *("test", "answer_schema", "pages", "worker_tokens", "ray"),
    *("until_decided", "baseline", "max_drop"),
)
TASK_FLAGS = " ".join(name for name in _FLAGS_BY_NAME if name not in _OTHER_FLAGS)
"""Flags of every command that works on a task to its end."""
RESUME_FLAGS = " ".join(
    name
    for name in TASK_FLAGS.split()
    if name not in ("read", "no_test", "kernel", "install", "install_with", "team")
)
"""Flags of every command that continues a run."""
MANY_OPTIONS = 20
"""A command with more options than this has a help with headings, and a short help."""
HELP_ALL = "help_all"
"""Name of the flag for the full help, as `-h` shows the common flags."""
HELP_NAMES = ["-h", "--help", "--help-all"]
"""What prints a command's help. With many options, `--help-all` is a flag of its own that shows more."""


def group(**others: Any) -> typer.Typer:  # noqa: ANN401 - as typer has them
    """Return a group of commands with plain help."""
    defaults: dict[str, Any] = {
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
        "add_completion": False,
    }
    return typer.Typer(context_settings={"help_option_names": HELP_NAMES}, **(defaults | others))


def option(flags: str, help: str, metavar: str | None = None, **others: Any) -> Any:  # noqa: ANN401 - typer's
    """Return an option of one command; its flags are separated by blanks."""
    return typer.Option(*flags.split(), help=help, metavar=metavar, **others)


def _option(name: str) -> Any:  # noqa: ANN401 - typer's private type
    flag = _FLAGS_BY_NAME[name]
    long_name = f"--{name.replace('_', '-')}"
    flags = f"{long_name}/--no-{name}" if flag.kind is Choice else f"{long_name} {flag.short}"
    return option(flags, flag.text, flag.metavar, show_default=False)


Yes = Annotated[bool, _option("yes")]
Json = Annotated[bool, _option("json")]
Quiet = Annotated[bool, _option("quiet")]
Image = Annotated[Text, _option("image")]
Python = Annotated[File, _option("python")]


def given_flags(context: typer.Context) -> dict[str, object]:
    """Return the flags of this call that are configuration keys; a flag that isn't given is None."""
    flags = {key: context.params[key] for key in KEYS if key in context.params}
    if _is_archive(flags.get("image")):
        flags["image"] = os.path.abspath(str(flags["image"]))  # a resume may happen in another folder
    return flags


def collector_url(named: str | None = None) -> str | None:
    """Return the address for traces from a flag, else from CODER_OTLP; None: traces aren't sent."""
    return named or os.environ.get("CODER_OTLP") or None


def _is_archive(image: object) -> bool:
    return isinstance(image, str) and image.endswith(".tar")


_CONTAINER_WARNING = (
    f"container keeps less than other sandboxes; {own_command()} sandbox doctor --backend container says what"
)


def check_folder(path: Path, advice: str) -> None:
    """Raise UsageError with this advice if there is no folder at a path."""
    if not path.is_dir():
        problem = f"{path} is a file." if path.exists() else f"There is no folder {path}."
        raise UsageError(f"{problem} {advice}")


def check_backend(name: str, flags: Mapping[str, object]) -> None:
    """Warn of a weak backend. Raises UsageError if backend or host don't exist, or a flag isn't supported."""
    from sandbox.open import find_backend  # not on the path of `--help`

    try:
        find_backend(name)
        if name.partition(":")[0] == "ssh":
            from sandbox.backends.ssh import refuse_no_host

            refuse_no_host(name.partition(":")[2])
    except ValueError as error:
        raise UsageError(str(error)) from error
    image = flags.get("image")
    is_archive = _is_archive(image)
    if is_archive and name not in ("auto", "bubblewrap"):
        raise UsageError(
            f"--image {image} is for bubblewrap, and programs run in {name}. Leave --sandbox out."
        )
    for key in ("runtime",) if is_archive else ("image", "runtime"):
        if flags.get(key) is not None and name != "docker":
            raise UsageError(f"--{key} is Docker's, and programs run in {name}. Add: --sandbox docker")
    if name == "container":
        from sandbox.backends.container import WARNING, BareHostWarning
        from sandbox.supervisor.surroundings import is_container

        warnings.simplefilter("ignore", BareHostWarning)  # printed below in our own words
        warning = _CONTAINER_WARNING if is_container(os.environ) else WARNING
        print(f"warning: {warning}", file=sys.stderr)


def takes(*flags: str | Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add flags to a command: by names separated by blanks, or the parameters of a function.

    The command's own flag of an equal name takes precedence.
    """
    added_parameters: dict[str, inspect.Parameter] = {}
    for source in flags:
        if isinstance(source, str):
            added_parameters |= {name: _parameter(name) for name in source.split()}
        else:
            added_parameters |= inspect.signature(source).parameters

    def with_flags(command: Callable[..., None]) -> Callable[..., None]:
        own_parameters = dict(inspect.signature(command).parameters)
        new_parameters = {name: flag for name, flag in added_parameters.items() if name not in own_parameters}
        rare_names = frozenset(
            name for name in new_parameters if name in _FLAGS_BY_NAME and not _FLAGS_BY_NAME[name].common
        )
        if len(own_parameters) + len(new_parameters) > MANY_OPTIONS:
            new_parameters[HELP_ALL] = inspect.Parameter(
                HELP_ALL, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation=_HelpAll
            )
        all_parameters = own_parameters | new_parameters

        @functools.wraps(command)
        def wrapper(**arguments: Any) -> None:  # noqa: ANN401 - of whatever type typer makes of each
            command(**{name: value for name, value in arguments.items() if name in own_parameters})

        wrapper.__signature__ = inspect.Signature(list(all_parameters.values()))  # type: ignore[attr-defined]
        wrapper.__annotations__ = {name: flag.annotation for name, flag in all_parameters.items()}
        wrapper.rare = rare_names  # type: ignore[attr-defined]
        return wrapper

    return with_flags


def _show_all(context: typer.Context, is_requested: bool) -> None:
    if is_requested:
        context.meta[HELP_ALL] = True
        typer.echo(context.get_help())
        raise typer.Exit


_HelpAll = Annotated[
    bool, option("--help-all", "Show all options and exit.", is_eager=True, callback=_show_all)
]


def _parameter(name: str) -> inspect.Parameter:
    kind: Any = _FLAGS_BY_NAME[name].kind
    default = False if kind is bool else None
    annotation = Annotated[kind, _option(name)]
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )
