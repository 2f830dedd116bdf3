"""Run an MCP server in a sandbox with its folder, its interpreter and its allowed hosts."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from mcp.client._transport import TransportStreams

from coder.base.errors import UsageError
from coder.config.mcp_servers import Mcp
from coder.tools.mcp_transport import MAX_MESSAGE, keep_end, message_streams
from sandbox import Command, Policy, open_sandbox, session_policy

_DAY_S = 86_400.0
_OUTPUT_BYTES = 4 << 20
"""Output limit; the program is ended after 64 times as much in all."""


@asynccontextmanager
async def sandboxed_streams(
    about: Mcp, environment: Mapping[str, str], errors: bytearray
) -> AsyncIterator[TransportStreams]:
    """Start the program of a server in a separate sandbox.

    Raises:
        UsageError: the program's files can't be made visible.
        SandboxError: there is no sandbox.
    """
    policy, command = _shown(about, environment)
    stdout = asyncio.StreamReader(limit=MAX_MESSAGE)
    inside, outside = socket.socketpair()
    _, stdin = await asyncio.open_connection(sock=outside)

    def heard(stream: str, chunk: bytes) -> None:
        if stream == "stdout":
            stdout.feed_data(chunk)
        else:
            keep_end(errors, chunk)

    with inside, closing(stdin):
        async with open_sandbox(policy) as box:
            program = asyncio.create_task(box.run(command, stdin=inside.fileno(), on_output=heard))
            program.add_done_callback(lambda _: stdout.feed_eof())
            try:
                async with message_streams(stdout, stdin) as streams:
                    yield streams
            finally:
                program.cancel()
                await asyncio.wait([program])


def _shown(about: Mcp, environment: Mapping[str, str]) -> tuple[Policy, Command]:
    """Return the sandbox's policy, and the command line with the paths of files in the sandbox."""
    words: list[str] = []
    folders: dict[str, Path] = {}
    for word in about.command[1:]:
        path = Path(word).absolute()
        if not path.is_file():
            words.append(word)
            continue
        root_length = (
            path.parts.index("node_modules") if "node_modules" in path.parts else len(path.parts) - 1
        )
        folder, name = Path(*path.parts[:root_length]), f"server{len(folders)}"
        if Path.home().is_relative_to(folder):
            raise UsageError(f"{path} is not in a folder of its own, which the sandbox could show")
        folders[name] = folder
        words.append(f"/opt/shown/{name}/{path.relative_to(folder)}")
    program = Path(about.command[0])
    is_python = program.name.startswith("python") and program.is_file()
    policy = session_policy(
        network=about.hosts or "none",
        environment=dict(environment),
        beside=folders,
        python=program.absolute() if is_python else None,
        wall_s=_DAY_S,
        output_bytes=_OUTPUT_BYTES,
    )
    return policy, Command(argv=("python3" if is_python else about.command[0], *words))
