"""Results of commands and cells for the model. The last line of each is a status that we add."""

import signal
from collections.abc import Sequence

from coder.base.text.sanitize import one_line, terminal_text
from coder.tools.shortened import DEFAULT_CHARACTERS, shortened
from coder.tools.tool import Desk, ToolResult
from sandbox import CommandResult

DEFAULT_TIMEOUT_S = 120
MAX_TIMEOUT_S = 1_800
MIN_TIME_S = 1.0
_MAX_NAMED, _MAX_COMMAND = 5, 120
"""Maximum processes in a status, and characters of a command line."""


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
    text = with_status(status, result.output, desk, log=result.log, is_all=not result.truncated, most=most)
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


def with_status(
    status: str, output: str, desk: Desk, *, log: str, is_all: bool = True, most: int = DEFAULT_CHARACTERS
) -> str:
    """Return the output, with the status below as the last line."""
    text = shortened(desk.redact(terminal_text(output)).rstrip("\n"), log=log, is_all=is_all, most=most)
    return f"{text}\n{status}" if text else status
