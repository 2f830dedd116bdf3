"""The flags, each with one meaning in every command that takes it; most are keys of configuration."""

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from coder.base.errors import UsageError, own_command

Text = str | None
Words = list[str] | None
Count = int | None
Number = float | None
Choice = bool | None
File = Path | None


class Flag(NamedTuple):
    """How a flag is written in a help."""

    kind: Any
    help: str
    metavar: str | None = None
    short: str = ""


FLAGS = {
    "Task": {"read": Flag(Words, "Show these files to the model, even ignored ones; read-only.", "GLOB")},
    "Evidence": {
        "test": Flag(Text, 'Command that decides: exit code 0 is solved. "pytest -q".', "CMD"),
        "require": Flag(Text, "Accept only the given tests as proof, not new ones.", "tests"),
    },
    "Delivery": {
        "apply": Flag(Choice, "Write a solution into the folder, or only show the diff."),
        "commit": Flag(bool, "Commit the written files if the tests pass."),
        "branch": Flag(Text, "Commit on a new branch; leave the folder unchanged.", "NAME"),
        "keep": Flag(bool, "Write the best attempt even if it is unsolved."),
        "allow": Flag(Words, "Allow changes to this protected file, such as a test.", "PATH"),
        "accept_unverified": Flag(bool, "Write code that no test could check, and exit 0."),
        "yes": Flag(bool, "Write without asking.", short="-y"),
        "approve": Flag(Words, "Ask before each: landing, tools, plan or network.", "WHAT"),
        "detach": Flag(bool, "Ask nothing here; stop and wait for `coder approve`."),
    },
    "Model": {
        "model": Flag(Text, "The model to ask.", "PROVIDER/MODEL", "-m"),
        "base_url": Flag(Text, "An OpenAI-compatible endpoint.", "URL"),
        "fallback": Flag(Words, "Model to use if the first can't answer. Repeatable.", "MODEL"),
        "planner_model": Flag(Text, "Another model for the plan.", "MODEL"),
        "coder_model": Flag(Text, "Another model for the code.", "MODEL"),
        "strong_model": Flag(Text, "Model to use after two failed attempts.", "MODEL"),
        "effort": Flag(Text, "How much the model reasons (its own default).", "low|medium|high"),
        "max_answer_tokens": Flag(
            Count, "Tokens of one answer, reasoning included (the model's limit).", "N"
        ),
        "model_timeout": Flag(Number, "Longest silence of the model (600).", "SECONDS"),
        "temperature": Flag(Number, "Sampling temperature, 0 to 2.", "T"),
        "top_p": Flag(Number, "Nucleus sampling, above 0 up to 1.", "P"),
        "seed": Flag(Count, "Seed of sampling (0).", "N"),
        "price": Flag(Text, "Price in US dollars per million input and output tokens.", "IN,OUT"),
        "record": Flag(File, "Write every model call to a file.", "FILE"),
        "replay": Flag(File, "Take every answer from a recorded file.", "FILE"),
    },
    "Sandbox": {
        "sandbox": Flag(Text, "auto|bubblewrap|docker, or the weaker restricted|unsafe-host.", "NAME"),
        "image": Flag(Text, "The image of --sandbox docker.", "NAME"),
        "runtime": Flag(Text, "Runtime of Docker's containers, such as runsc.", "NAME"),
        "network": Flag(Words, "A host that programs may reach, or registries. Repeatable.", "HOST[:PORT]"),
        "show": Flag(Words, "Ignored path to copy into the sandbox. Repeatable.", "PATH"),
        "add_dir": Flag(Words, "Another folder for programs to read. Repeatable.", "DIR"),
        "python": Flag(File, "The interpreter that programs get.", "FILE"),
        "kernel": Flag(Choice, "Run code as cells of a Jupyter kernel."),
        "install": Flag(bool, "Install what the tests need into a cache first; asks before."),
        "install_with": Flag(Text, 'Install with this command: "pip install -r dev.txt".', "CMD"),
    },
    "Strategy": {
        "strategy": Flag(Text, "auto|act|one-shot|repair|best-of-n|escalate (auto).", "NAME"),
        "team": Flag(Text, "A team of yours: a file, or its name in your configuration.", "FILE|NAME"),
        "tool": Flag(Words, "A function of yours that the model may call. Repeatable.", "MODULE:FUNCTION"),
        "mcp": Flag(Words, "An MCP server with tools for the model. Repeatable.", "NAME=CMD|URL"),
        "plan": Flag(Choice, "Plan first; by default when the task has steps."),
        "edit_format": Flag(Text, "How changes are asked for: whole|search-replace.", "FORM"),
        "samples": Flag(Count, "Fresh starts (2); parallel sessions with act.", "N"),
        "repairs": Flag(Count, "Repairs after each fresh start (3).", "N"),
    },
    "Limits": {
        "max_calls": Flag(Count, "Model calls (8; 100 with act).", "N"),
        "max_tokens": Flag(Count, "Tokens of all calls.", "N"),
        "max_cost": Flag(Number, "Cost of all calls ($1; $3 with act).", "USD"),
        "max_call_cost": Flag(Number, "Cost of one call.", "USD"),
        "timeout": Flag(Number, "Time of the whole run (600; 1800 with act).", "SECONDS"),
        "program_timeout": Flag(Number, "Time of one program (10).", "SECONDS"),
        "test_timeout": Flag(Number, "Time of one test command (300).", "SECONDS"),
        "memory": Flag(Count, "Memory of one program (512).", "MIB"),
        "pids": Flag(Count, "Processes of one program (128).", "N"),
        "cpus": Flag(Number, "Processors that one program may keep busy.", "N"),
    },
    "Output": {
        "json": Flag(bool, "Print one JSON document on stdout."),
        "jsonl": Flag(bool, "Print every event as a line of JSON, as it happens."),
        "quiet": Flag(bool, "Only results and errors.", short="-q"),
        "otlp": Flag(Text, "Send traces to this OpenTelemetry collector.", "URL"),
        "otel_content": Flag(bool, "Send prompts, answers and results with them, too."),
        "verbose": Flag(bool, "Show answers and output as they come.", short="-v"),
    },
}
"""By the heading of a help under which they stand."""
_ALL = {name: flag for flags in FLAGS.values() for name, flag in flags.items()}
WORKING = " ".join(name for name in _ALL if name != "test")
"""Flags of every command that works on a task to its end."""
GOING_ON = " ".join(
    name for name in WORKING.split() if name not in ("read", "kernel", "install", "install_with", "team")
)
"""Flags of every command that continues a run."""


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
    return option(flags, flag.help, flag.metavar, show_default=False)


Yes = Annotated[bool, _option("yes")]
Json = Annotated[bool, _option("json")]
Quiet = Annotated[bool, _option("quiet")]
Image = Annotated[Text, _option("image")]
Python = Annotated[File, _option("python")]


def given_flags(context: typer.Context) -> dict[str, object]:
    """The flags of this call that are keys of the configuration; None where one wasn't given."""
    from coder.config.schema import Config  # half of all that `--help` would load

    return {key: context.params[key] for key in Config.model_fields if key in context.params}


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
        together = own | {name: flag for name, flag in more.items() if name not in own}

        @functools.wraps(command)
        def called(**arguments: Any) -> None:  # noqa: ANN401 - of whatever type typer makes of each
            command(**{name: value for name, value in arguments.items() if name in own})

        called.__signature__ = inspect.Signature(list(together.values()))  # type: ignore[attr-defined]
        called.__annotations__ = {name: flag.annotation for name, flag in together.items()}
        return called

    return with_flags


def _parameter(name: str) -> inspect.Parameter:
    kind: Any = _ALL[name].kind
    default = False if kind is bool else None
    annotation = Annotated[kind, _option(name)]
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )
