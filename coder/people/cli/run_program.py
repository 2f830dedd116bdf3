"""`coder run`: one program in the sandbox, without a model and without a log.

Its output goes through as it comes, and its exit code is ours: what fails in the product itself is 125.
"""

import json as json_format
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, cast

import typer
from typer.core import TyperCommand

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line
from coder.config.layers import load
from coder.environment.invocation import Invocation, ProgramJob, make_job, run_job
from coder.people.cli.network_refusals import network_refusals
from coder.people.cli.output_stream import OutputStream
from coder.show.failure import report
from coder.show.flags import Json, Quiet, check_backend, given_flags, option, takes
from coder.show.interrupt import Interrupted, run_until_interrupted
from coder.workspace.artifacts import save
from sandbox import Policy, Result

TIMEOUT, FAILED = 124, 125
OUT_OF_MEMORY = 128 + 9
_BY_SIGNAL = 128
TOO_MUCH_OUTPUT = 128 + 25
"""As for SIGXFSZ, what Linux sends for a file that grows beyond its limit."""
_OWN = (UsageError, Interrupted)
"""What keeps the exit code that it has everywhere."""

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
MOST_SOURCE = 16 << 20
"""Bytes of a program from standard input."""


class RunProgramCommand(TyperCommand):
    """Options stand before the program's name; behind `--` is a command of the sandbox's own."""

    def parse_args(self, ctx: object, args: list[str]) -> list[str]:
        """Parse, and remember whether the words came after `--`."""
        context = cast(typer.Context, ctx)
        words = list(args)
        rest = super().parse_args(context, args)
        before = len(words) - len(context.params.get("words") or ()) - 1
        context.meta["is_command"] = 0 <= before < len(words) - 1 and words[before] == "--"
        return rest


@app.command(
    "run",
    cls=RunProgramCommand,
    context_settings={"help_option_names": ["-h", "--help"], "allow_interspersed_args": False},
)
@takes("memory processes cpus sandbox image runtime network python kernel")
def run(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|-|-- CMD [ARGS]...", help='A .py or executable file; "-" reads Python from stdin.'
        ),
    ] = None,
    code: Annotated[str | None, option("-c", "Python source to run.", "CODE")] = None,
    file: Annotated[
        list[Path] | None, option("--file", "Copy a file into the workspace. Repeatable.", "PATH")
    ] = None,
    env: Annotated[
        list[str] | None,
        option("--env", "Set an environment variable of the program. Repeatable.", "NAME=VALUE"),
    ] = None,
    artifacts: Annotated[
        Path | None, option("--artifacts", "Copy files that it wrote to a folder.", "DIR")
    ] = None,
    program_timeout: Annotated[
        float | None, option("--timeout --program-timeout", "Time of the program (10).", "SECONDS")
    ] = None,
    disk: Annotated[int, option("--disk", "Disk of the program.", "MIB")] = 256,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run one program in a sandbox, without a model.

    It sees only the files and variables that you name. Options stand before FILE, its arguments after it. The
    exit code is the program's; 124: out of time, 137: of memory, 128+N: signal N, 125: the sandbox failed.
    """
    wanted = Invocation(
        words=tuple(words or ()),
        code=code,
        is_command=context.meta["is_command"],
        files=tuple(file or ()),
        variables=tuple(env or ()),
        disk_mb=disk,
    )
    try:
        code_of_run = _run(given_flags(context), wanted, artifacts=artifacts, as_json=json, quiet=quiet)
    except _OWN:
        raise
    except BrokenPipeError as error:  # not left to typer, which makes a 1 of it
        code_of_run = report(error)
    except Exception as error:  # noqa: BLE001 - what fails here must not look like the program's own code
        report(error)
        code_of_run = FAILED
    raise typer.Exit(code_of_run)


def _run(
    flags: Mapping[str, object], wanted: Invocation, *, artifacts: Path | None, as_json: bool, quiet: bool
) -> int:
    """Run the program as the flags say; return the exit code."""
    settings = load(flags).config.settings()
    check_backend(settings.sandbox, flags)
    if artifacts is not None and artifacts.exists() and not artifacts.is_dir():
        raise UsageError(f"--artifacts: {artifacts} isn't a folder.")
    job = make_job(wanted, settings, read_source=read_all)
    outlet = None if as_json else OutputStream()
    work = _run_in_sandbox(job, settings.sandbox, outlet, takes_input=not wanted.reads_source)
    with network_refusals() as refusals:
        result, backend = run_until_interrupted(work)
    if as_json:
        print(json_format.dumps({**result.model_dump(mode="json"), "backend": backend}))
    refused = save(result.artifacts, artifacts) if artifacts is not None else []
    if not quiet:
        _say([*refusals, *last_words(result, job.policy), *_about_artifacts(result, artifacts, len(refused))])
    _say([f"not written: {reason}" for reason in refused])
    return exit_code(result) or (FAILED if refused else 0)


async def _run_in_sandbox(
    job: ProgramJob, backend: str, outlet: OutputStream | None, *, takes_input: bool
) -> tuple[Result, str]:
    put = outlet.put if outlet is not None else None
    async with outlet or nullcontext():
        stdin = standard_input() if takes_input else b""
        return await run_job(job, backend, stdin=stdin, on_output=put, note=lambda text: _say([text]))


def _about_artifacts(result: Result, folder: Path | None, refused: int) -> list[str]:
    count, left_out = len(result.artifacts) - refused, result.artifacts_left_out
    notes = [f"wrote {count} file{'' if count == 1 else 's'} to {folder}"] if count else []
    notes += [f"{left_out} left out: too many, too large, or not plain files"] if left_out else []
    return notes if folder is not None else []


def _say(lines: list[str]) -> None:
    for line in lines:
        print(f"coder run: {one_line(line, width=300)}", file=sys.stderr)


def read_all() -> bytes:
    """Read a program from standard input; UsageError: it is too long."""
    content = sys.stdin.buffer.read(MOST_SOURCE + 1)
    if len(content) > MOST_SOURCE:
        raise UsageError(f"Standard input has more than {MOST_SOURCE >> 20} MiB: too much for a program.")
    return content


def standard_input() -> bytes | int:
    """What the program in the sandbox reads: a descriptor, or nothing where it is a terminal or closed."""
    return 0 if sys.stdin is not None and not os.isatty(0) else b""


def exit_code(result: Result) -> int:
    """The program's own code; for what ended it from outside the one that a shell would give."""
    match result.status:
        case "timeout":
            return TIMEOUT
        case "oom":
            return OUT_OF_MEMORY
        case "output_limit":
            return TOO_MUCH_OUTPUT
        case _ if result.exit_code is not None:
            return result.exit_code
        case _:
            return _BY_SIGNAL + (result.signal or signal.SIGKILL)


def last_words(result: Result, policy: Policy) -> list[str]:
    """What the program itself could not say any more; nothing for one that ended by itself."""
    match result.killed_by:
        case "wall":
            return [f"ended after {policy.wall_s:g} s; --timeout SECONDS gives it more"]
        case "cpu":
            return [f"ended after {policy.cpu_s:g} s of CPU; --timeout SECONDS gives it more"]
        case "memory":
            return [f"ended at {policy.memory_mb} MiB of memory; --memory MIB gives it more"]
        case "output":
            return ["ended because it wrote without end"]
        case "disk":
            return [f"ended at {policy.disk_mb} MiB of disk; --disk MIB gives it more"]
        case _ if result.exit_code is None:
            return [f"ended by signal {result.signal} ({_name(result.signal)})"]
        case _:
            return []


def _name(number: int | None) -> str:
    return next((item.name for item in signal.Signals if item == number), "unknown")
