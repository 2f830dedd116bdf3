"""Start a program that keeps running while the model works, such as a server."""

import asyncio

from coder.tools.command_result import command_result, with_status
from coder.tools.tool import Desk, ToolResult

_CHECKS, _CHECK_S = 10, 0.05
"""Number of checks whether it still runs, and seconds between them; most failures are immediate."""


async def start_in_background(command: str, desk: Desk) -> ToolResult:
    """Start a command; return its first output and where the rest goes, or its result if it has ended."""
    program = await desk.session.start(command)
    for _ in range(_CHECKS):
        if not program.running:
            return command_result(await program.wait(), desk)
        await asyncio.sleep(_CHECK_S)
    status = f"[running in the background: pid {program.pid}; its output goes to {program.log}]"
    return ToolResult(with_status(status, program.output(), desk, log=program.log), running=True)
