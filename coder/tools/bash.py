"""bash: run one command in the session. Our status is the last line of its result."""

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from coder.base.text.sanitize import one_line, terminal_text
from coder.models.model import JsonObject, ToolSpec
from coder.tools.shortened import LARGEST, MOST, shortened
from coder.tools.tool import Arguments, Desk, ToolResult, read_arguments, spec_of
from sandbox import CommandResult

USUAL_S = 120
LONGEST_S = 1_800
LEAST_S = 1.0
_LOOKS, _LOOK_S = 10, 0.05
"""Checks of a program in the background, and seconds between: most that fail do so at once."""
_MOST_NAMED, _LONGEST_NAME = 5, 120
"""Processes, and characters of a command line."""


class _Given(Arguments):
    command: str = Field(min_length=1, description="Script for bash, run in the workspace.")
    timeout_s: float = Field(USUAL_S, ge=1, le=LONGEST_S, description="Seconds before it is stopped.")
    background: bool = Field(False, description="Leave it running, for servers and watchers.")
    max_characters: int = Field(
        MOST, ge=1_000, le=LARGEST, description="Of the output; a longer one is shown by its head and tail."
    )


SPEC = spec_of(
    "bash",
    "Run a command and see what it prints (stdout and stderr), and its exit code. Files, processes and /tmp "
    "stay from call to call; the working directory and variables don't. There is no terminal and no input.",
    _Given,
)


@dataclass(frozen=True, slots=True)
class Bash:
    """The tool."""

    spec: ToolSpec = SPEC
    effect: bool = False

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Run the command to its end or its timeout, or start it in the background."""
        request = read_arguments(arguments, _Given, name=SPEC.name)
        if request.background:
            return await _in_background(request.command, desk)
        left_s = max(desk.seconds_left(), LEAST_S)
        wall_s = min(request.timeout_s, left_s)
        result = await desk.session.sh(request.command, wall_s=wall_s, on_output=desk.on_output)
        return ended(result, desk, has_all=left_s < request.timeout_s, most=request.max_characters)


async def _in_background(command: str, desk: Desk) -> ToolResult:
    started = await desk.session.start(command)
    for _ in range(_LOOKS):
        if not started.running:
            return ended(await started.wait(), desk)
        await asyncio.sleep(_LOOK_S)
    status = f"[running in the background: pid {started.pid}; its output goes to {started.log}]"
    return ToolResult(_above(status, started.output(), desk, log=started.log), running=True)


def ended(
    result: CommandResult,
    desk: Desk,
    *,
    has_all: bool = False,
    more: Sequence[str] = (),
    most: int = MOST,
) -> ToolResult:
    """The result of a command.

    Args:
        has_all: whether the timeout was the rest of the run's time.
        more: what its last line says besides.
        most: characters of an output that is cut.
    """
    status = desk.redact(status_line(result, has_all=has_all, more=more))
    text = _above(status, result.output, desk, log=result.log, is_all=not result.truncated, most=most)
    return ToolResult(
        text, result.exit_code, result.wall_s, running=bool(result.still_running), failed=not result.ok
    )


def status_line(result: CommandResult, *, has_all: bool = False, more: Sequence[str] = ()) -> str:
    """Exit and running processes of a command on one line, whatever their names; `has_all` as in `ended`."""
    parts = [_ending(result, has_all=has_all), *more]
    if result.still_running:
        pids = [(process.pid, terminal_text(process.command)) for process in result.still_running]
        processes = [f"pid {pid} {one_line(command, width=_LONGEST_NAME)}" for pid, command in pids]
        more = f" and {len(processes) - _MOST_NAMED} more" if len(processes) > _MOST_NAMED else ""
        parts.append(f"still running: {', '.join(processes[:_MOST_NAMED])}{more}")
    if result.state_lost:
        parts.append("the session was restarted: its processes and /tmp are gone, the files are kept")
    return f"[{'; '.join(parts)}]"


def _ending(result: CommandResult, *, has_all: bool) -> str:
    seconds = f"{result.wall_s:.1f} s"
    match result.killed_by:
        case "wall":
            why = "the run has no more time" if has_all else f"timeout_s can be up to {LONGEST_S}"
            return f"timed out after {result.wall_s:.0f} s: {why}"
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


def _above(status: str, output: str, desk: Desk, *, log: str, is_all: bool = True, most: int = MOST) -> str:
    """The output, and the status below it as the last line."""
    text = shortened(desk.redact(terminal_text(output)).rstrip("\n"), log=log, is_all=is_all, most=most)
    return f"{text}\n{status}" if text else status
