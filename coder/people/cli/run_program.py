"""`coder run`: run one program in the sandbox, without a model and without a log.

Its output is passed on as it arrives, and its exit code is returned; failures of coder itself return 125.
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
from coder.environment.invocation import Invocation, PreparedProgram, prepare_program, run_job
from coder.people.cli.network_refusals import network_refusals
from coder.people.cli.output_stream import OutputStream
from coder.show.failure import report
from coder.show.flags import HELP_NAMES, Json, Quiet, check_backend, given_flags, option, takes
from coder.show.interrupt import Interrupted, run_until_interrupted
from coder.workspace.artifacts import save
from sandbox import Policy, Result

TIMEOUT, FAILED = 124, 125
OUT_OF_MEMORY = 128 + 9
_SIGNAL_BASE = 128
TOO_MUCH_OUTPUT = 128 + 25
"""Code of SIGXFSZ, which Linux sends for a file that exceeds its size limit."""
_USUAL_ERRORS = (UsageError, Interrupted)
"""Errors that keep their usual exit codes."""

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
MAX_SOURCE_BYTES = 16 << 20
"""Largest program from standard input in bytes."""


class RunProgramCommand(TyperCommand):
    """Command whose options precede the program's name; words after `--` are a command of the sandbox."""

    def parse_args(self, ctx: object, args: list[str]) -> list[str]:
        """Parse, and remember whether the words followed `--`."""
        context = cast(typer.Context, ctx)
        words = list(args)
        remaining = super().parse_args(context, args)
        separator_index = len(words) - len(context.params.get("words") or ()) - 1
        context.meta["is_command"] = 0 <= separator_index < len(words) - 1 and words[separator_index] == "--"
        return remaining


@app.command(
    "run",
    cls=RunProgramCommand,
    context_settings={"help_option_names": HELP_NAMES, "allow_interspersed_args": False},
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
    invocation = Invocation(
        words=tuple(words or ()),
        code=code,
        is_command=context.meta["is_command"],
        files=tuple(file or ()),
        variables=tuple(env or ()),
        disk_mb=disk,
    )
    try:
        result_code = _run(given_flags(context), invocation, artifacts=artifacts, as_json=json, quiet=quiet)
    except _USUAL_ERRORS:
        raise
    except BrokenPipeError as error:  # typer would return 1
        result_code = report(error)
    except Exception as error:  # noqa: BLE001 - a failure of coder must not look like one of the program
        report(error)
        result_code = FAILED
    raise typer.Exit(result_code)


def _run(
    flags: Mapping[str, object], invocation: Invocation, *, artifacts: Path | None, as_json: bool, quiet: bool
) -> int:
    """Run the program as the flags say; return the exit code."""
    settings = load(flags).config.settings()
    check_backend(settings.sandbox, flags)
    if artifacts is not None and artifacts.exists() and not artifacts.is_dir():
        raise UsageError(f"--artifacts: {artifacts} isn't a folder.")
    job = prepare_program(invocation, settings, read_source=read_all)
    output_stream = None if as_json else OutputStream()
    work = _run_in_sandbox(job, settings.sandbox, output_stream, takes_input=not invocation.reads_source)
    with network_refusals() as refusals:
        result, backend = run_until_interrupted(work)
    if as_json:
        print(json_format.dumps({**result.model_dump(mode="json"), "backend": backend}))
    refused = save(result.artifacts, artifacts) if artifacts is not None else []
    if not quiet:
        _say(
            [*refusals, *end_messages(result, job.policy), *_artifact_notes(result, artifacts, len(refused))]
        )
    _say([f"not written: {reason}" for reason in refused])
    return exit_code(result) or (FAILED if refused else 0)


async def _run_in_sandbox(
    job: PreparedProgram, backend: str, output_stream: OutputStream | None, *, takes_input: bool
) -> tuple[Result, str]:
    put = output_stream.put if output_stream is not None else None
    async with output_stream or nullcontext():
        stdin = standard_input() if takes_input else b""
        return await run_job(job, backend, stdin=stdin, on_output=put, note=lambda text: _say([text]))


def _artifact_notes(result: Result, folder: Path | None, refused: int) -> list[str]:
    count, left_out = len(result.artifacts) - refused, result.artifacts_left_out
    notes = [f"wrote {count} file{'' if count == 1 else 's'} to {folder}"] if count else []
    notes += [f"{left_out} left out: too many, too large, or not plain files"] if left_out else []
    return notes if folder is not None else []


def _say(lines: list[str]) -> None:
    for line in lines:
        print(f"coder run: {one_line(line, width=300)}", file=sys.stderr)


def read_all() -> bytes:
    """Read a program from standard input. Raises UsageError if it is too long."""
    content = sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1)
    if len(content) > MAX_SOURCE_BYTES:
        raise UsageError(
            f"Standard input has more than {MAX_SOURCE_BYTES >> 20} MiB: too much for a program."
        )
    return content


def standard_input() -> bytes | int:
    """Return the program's standard input: a descriptor, or empty if it is a terminal or closed."""
    return 0 if sys.stdin is not None and not os.isatty(0) else b""


def exit_code(result: Result) -> int:
    """Return the program's exit code; for a program ended by a limit, the code that a shell would give."""
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
            return _SIGNAL_BASE + (result.signal or signal.SIGKILL)


def end_messages(result: Result, policy: Policy) -> list[str]:
    """Return messages on the limit or signal that ended the program; empty if it ended by itself."""
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
