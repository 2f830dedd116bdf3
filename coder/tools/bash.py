"""bash: run one command in the session. The last line of the result is a status that we add."""

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from coder.base.text.sanitize import one_line, terminal_text
from coder.models.model import JsonObject, ToolSpec
from coder.tools.shortened import DEFAULT_CHARACTERS, MAX_CHARACTERS, shortened
from coder.tools.tool import Arguments, Desk, ToolResult, read_arguments, spec_of
from sandbox import CommandResult

DEFAULT_TIMEOUT_S = 120
MAX_TIMEOUT_S = 1_800
MIN_TIME_S = 1.0
_CHECKS, _CHECK_S = 10, 0.05
"""Number of checks of a program in the background, and seconds between them; most failures are immediate."""
_MAX_NAMED, _MAX_COMMAND = 5, 120
"""Maximum processes in a status, and characters of a command line."""


class _BashArguments(Arguments):
    command: str = Field(min_length=1, description="Script for bash, run in the workspace.")
    timeout_s: float = Field(
        DEFAULT_TIMEOUT_S, ge=1, le=MAX_TIMEOUT_S, description="Seconds before it is stopped."
    )
    background: bool = Field(False, description="Leave it running, for servers and watchers.")
    max_characters: int = Field(
        DEFAULT_CHARACTERS,
        ge=1_000,
        le=MAX_CHARACTERS,
        description="Of the output; a longer one is shown by its head and tail.",
    )


SPEC = spec_of(
    "bash",
    "Run a command and see what it prints (stdout and stderr), and its exit code. Files, processes and /tmp "
    "stay from call to call; the working directory and variables don't. There is no terminal and no input.",
    _BashArguments,
)


@dataclass(frozen=True, slots=True)
class Bash:
    """The tool `bash`."""

    spec: ToolSpec = SPEC
    effect: bool = False

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Run the command to its end or timeout, or start it in the background."""
        request = read_arguments(arguments, _BashArguments, name=SPEC.name)
        if request.background:
            return await _in_background(request.command, desk)
        left_s = max(desk.seconds_left(), MIN_TIME_S)
        wall_s = min(request.timeout_s, left_s)
        result = await desk.session.sh(request.command, wall_s=wall_s, on_output=desk.on_output)
        return command_result(result, desk, has_all=left_s < request.timeout_s, most=request.max_characters)


async def _in_background(command: str, desk: Desk) -> ToolResult:
    program = await desk.session.start(command)
    for _ in range(_CHECKS):
        if not program.running:
            return command_result(await program.wait(), desk)
        await asyncio.sleep(_CHECK_S)
    status = f"[running in the background: pid {program.pid}; its output goes to {program.log}]"
    return ToolResult(_with_status(status, program.output(), desk, log=program.log), running=True)


def command_result(
    result: CommandResult,
    desk: Desk,
    *,
    has_all: bool = False,
    more: Sequence[str] = (),
    most: int = DEFAULT_CHARACTERS,
) -> ToolResult:
    """Return the result of a command, with its status line.

    Args:
        has_all: whether the command had all remaining time of the run.
        more: further parts of the status line.
        most: maximum characters of a shortened output.
    """
    status = desk.redact(status_line(result, has_all=has_all, further=more))
    text = _with_status(status, result.output, desk, log=result.log, is_all=not result.truncated, most=most)
    return ToolResult(
        text, result.exit_code, result.wall_s, running=bool(result.still_running), failed=not result.ok
    )


def status_line(result: CommandResult, *, has_all: bool = False, further: Sequence[str] = ()) -> str:
    """Return exit code and running processes of a command on one line; `has_all` as in `command_result`."""
    parts = [_describe_end(result, has_all=has_all), *further]
    if result.still_running:
        pids = [(process.pid, terminal_text(process.command)) for process in result.still_running]
        processes = [f"pid {pid} {one_line(command, width=_MAX_COMMAND)}" for pid, command in pids]
        further = f" and {len(processes) - _MAX_NAMED} more" if len(processes) > _MAX_NAMED else ""
        parts.append(f"still running: {', '.join(processes[:_MAX_NAMED])}{further}")
    if result.state_lost:
        parts.append("the session was restarted: its processes and /tmp are gone, the files are kept")
    return f"[{'; '.join(parts)}]"


def _describe_end(result: CommandResult, *, has_all: bool) -> str:
    seconds = f"{result.wall_s:.1f} s"
    match result.killed_by:
        case "wall":
            reason = "the run has no more time" if has_all else f"timeout_s can be up to {MAX_TIMEOUT_S}"
            return f"timed out after {result.wall_s:.0f} s: {reason}"
        case "memory":
            return f"killed: out of memory, {seconds}"
        case None if result.exit_code is not None:
            return f"exit {result.exit_code}, {seconds}"
        case None if result.signal is not None:
            is_standard = result.signal in set(signal.Signals)
            name = signal.Signals(result.signal).name if is_standard else f"signal {result.signal}"
            return f"killed by {name}, {seconds}"
        case None:
            return f"killed, {seconds}"
        case limit:
            return f"killed: limit of {limit}, {seconds}"


def _with_status(
    status: str, output: str, desk: Desk, *, log: str, is_all: bool = True, most: int = DEFAULT_CHARACTERS
) -> str:
    """Return the output, with the status below as the last line."""
    text = shortened(desk.redact(terminal_text(output)).rstrip("\n"), log=log, is_all=is_all, most=most)
    return f"{text}\n{status}" if text else status
