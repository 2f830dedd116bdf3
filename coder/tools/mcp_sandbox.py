"""Run an MCP server in a sandbox: the user's with its folder, a repository's with a copy of the files."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

from mcp.client._transport import TransportStreams

from coder.base.errors import UsageError
from coder.config.mcp_servers import GivenServer, Mcp
from coder.tools.mcp_transport import MAX_MESSAGE, keep_end, message_streams
from sandbox import Command, Policy, Sandbox, open_sandbox, session_policy

_DAY_S = 86_400.0
_OUTPUT_BYTES = 4 << 20
"""Output limit; the program is ended after 64 times as much in all."""
OpenCopy = Callable[[Callable[[Policy], Policy]], AbstractAsyncContextManager[Sandbox]]
"""Opens a sandbox with a copy of the repository as a run has read it; the function changes its policy."""
_NOT_FOUND = 127
"""Exit code of a shell that doesn't find a program."""
_START = """export HOME="${TMPDIR:-/tmp}/home" CLAUDE_PROJECT_DIR="$PWD"; mkdir -p "$HOME"
[ -z "$CLAUDE_PLUGIN_ROOT" ] || export CLAUDE_PLUGIN_ROOT="$PWD/$CLAUDE_PLUGIN_ROOT"
exec "$@"
"""
"""Starts a repository's program with a new home folder, so that no file of the repository configures it."""


@asynccontextmanager
async def sandboxed_streams(
    about: Mcp, environment: Mapping[str, str], errors: bytearray, open_copy: OpenCopy | None = None
) -> AsyncIterator[TransportStreams]:
    """Start the program of a server in a separate sandbox.

    Args:
        open_copy: opens the sandbox of a program that the repository names.

    Raises:
        UsageError: the program's files can't be made visible, or the sandbox doesn't have the program.
        SandboxError: there is no sandbox.
    """
    if about.is_of_repository:
        if open_copy is None:
            raise UsageError("there is no copy of the repository for its program")
        command = Command(argv=("sh", "-c", _START, "sh", *about.command))
        opening = open_copy(lambda policy: _for_server(policy, about, environment))
    else:
        policy, command = _shown(about, environment)
        opening = open_sandbox(policy)
    stdout = asyncio.StreamReader(limit=MAX_MESSAGE)
    inside, outside = socket.socketpair()
    _, stdin = await asyncio.open_connection(sock=outside)

    def heard(stream: str, chunk: bytes) -> None:
        if stream == "stdout":
            stdout.feed_data(chunk)
        else:
            keep_end(errors, chunk)

    with inside, closing(stdin):
        async with opening as box:
            program = asyncio.create_task(box.run(command, stdin=inside.fileno(), on_output=heard))
            program.add_done_callback(lambda _: stdout.feed_eof())
            try:
                async with message_streams(stdout, stdin) as streams:
                    yield streams
            except Exception as error:
                has_ended = program.done() and not program.cancelled() and program.exception() is None
                if isinstance(about, GivenServer) and has_ended and program.result().exit_code == _NOT_FOUND:
                    raise UsageError(f"the sandbox has no {about.command[0]}. {about.host_line}") from error
                raise
            finally:
                program.cancel()
                await asyncio.wait([program])


def _for_server(policy: Policy, about: Mcp, environment: Mapping[str, str]) -> Policy:
    """Return a run's policy for a server: its own hosts and variables, and time until the run ends."""
    update = {
        "network": about.hosts or "none",
        "environment": {**policy.environment, **environment},
        "wall_s": _DAY_S,
        "cpu_s": _DAY_S,
        "output_bytes": _OUTPUT_BYTES,
    }
    return policy.model_copy(update=update)


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
