"""Connections to MCP servers by stdin and stdout or HTTP, with bounded messages."""

import asyncio
import codecs
import os
import re
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import anyio
import httpx2
import mcp_types
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp.os.posix.utilities import terminate_posix_process_tree
from mcp.shared.message import SessionMessage

from coder.models.http_bounds import BoundedTransport, Bounds

MOST_BYTES = 16 << 20
"""Of one message of a server: one that sends more is dropped."""
_GRACE_S = 1.0
"""Seconds to end in, once stdin is closed, and again after SIGTERM."""
_CONNECT_S, _READ_S = 10.0, 300.0
_BOUNDS = Bounds(body=MOST_BYTES, stream=None, line=MOST_BYTES)
"""A stream of events may last as long as the server."""
_TAIL = 500
_HEX, _HIGH, _LOW = "[0-9a-fA-F]", r"\\u[dD][89abAB]..", r"\\u[dD][c-fC-F].."
_ESCAPES = re.compile(
    rf"(?:\\[^u])+|{_HIGH}{_LOW}"  # read past: a backslash before `u` may be an escaped one
    rf"|(?P<unfinished>(?:{_HIGH})?\\(?:u{_HEX}{{0,3}})?\Z|{_HIGH}\Z)"
    rf"|(?P<half>{_HIGH}|{_LOW})"
)
"""Escapes in JSON: half a surrogate pair, and what the next piece may complete."""


def keep_end(kept: bytearray, chunk: bytes) -> None:
    """Keep the last bytes of a program's stderr."""
    kept += chunk
    del kept[:-_TAIL]


@asynccontextmanager
async def program_streams(
    command: Sequence[str], environment: Mapping[str, str], errors: bytearray
) -> AsyncIterator[TransportStreams]:
    """Start a program; nothing that it has started in its process group is left behind.

    The SDK's own transport keeps whatever a server writes without a newline.

    Raises:
        OSError: it can't be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
        start_new_session=True,
        limit=MOST_BYTES,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    heard = asyncio.create_task(_each(process.stderr, partial(keep_end, errors)))
    try:
        async with message_streams(process.stdout, process.stdin) as streams:
            yield streams
    finally:
        drained = asyncio.create_task(_each(process.stdout, lambda _: None))  # it may wait to write
        try:
            await _end(process)
        finally:
            heard.cancel()
            drained.cancel()


@asynccontextmanager
async def message_streams(
    stdout: asyncio.StreamReader, stdin: asyncio.StreamWriter
) -> AsyncIterator[TransportStreams]:
    """Messages as lines of JSON. A line over the limit of `stdout` ends the connection."""
    heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, messages = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        async with heard:
            with suppress(ValueError, anyio.BrokenResourceError):  # too long a line; the session has ended
                while line := await stdout.readline():
                    try:
                        message = _message(line)
                    except (ValueError, RecursionError):  # no message, such as a banner
                        await asyncio.sleep(0)  # nor does a flood of them hold the loop
                    else:
                        await heard.send(SessionMessage(message))

    async def write() -> None:
        async with heard, messages:  # requests that wait learn that there is nobody
            with suppress(ConnectionError):
                async for one in messages:
                    message = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                    stdin.write(message.encode() + b"\n")
                    await stdin.drain()

    async with incoming, outgoing, anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        try:
            yield incoming, outgoing
        finally:
            group.cancel_scope.cancel()


def _message(line: bytes) -> mcp_types.JSONRPCMessage:
    read = partial(mcp_types.jsonrpc_message_adapter.validate_json, by_name=False)
    try:
        return read(line)
    except ValueError:
        return read(_Repair().repair(line, last=True))


class _Repair:
    """Replaces with U+FFFD, in JSON that comes in pieces, what the parser refuses although servers send it.

    That is half a surrogate pair, as JavaScript cuts texts, and bytes that aren't UTF-8.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unfinished = ""

    def repair(self, piece: bytes, *, last: bool) -> bytes:
        """The repaired piece, without an unfinished escape at its end unless it is the last."""
        text, self._unfinished = self._unfinished + self._decoder.decode(piece, last), ""
        repaired = _ESCAPES.sub(self._replace, text)
        if last:
            repaired += _ESCAPES.sub(
                lambda escape: "\\ufffd" if escape[0][5:] else escape[0], self._unfinished
            )
        return repaired.encode()

    def _replace(self, escape: re.Match[str]) -> str:
        self._unfinished = escape["unfinished"] or ""
        return "" if self._unfinished else "\\ufffd" if escape["half"] else escape[0]


async def _each(stream: asyncio.StreamReader, do: Callable[[bytes], None]) -> None:
    while chunk := await stream.read(1 << 16):
        do(chunk)


async def _end(process: Process) -> None:
    """Close stdin, then end the process group by SIGTERM and SIGKILL."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
        await terminate_posix_process_tree(process, _GRACE_S)  # type: ignore[arg-type] # it takes anyio's, too
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
        process._transport.close()  # type: ignore[attr-defined] # a grandchild may hold the pipes


@asynccontextmanager
async def http_streams(url: str, headers: Mapping[str, str]) -> AsyncIterator[TransportStreams]:
    """Streamable HTTP. A response or an event over MOST_BYTES fails."""
    client = httpx2.AsyncClient(
        headers=headers,
        timeout=httpx2.Timeout(_CONNECT_S, read=_READ_S),
        transport=BoundedTransport(url, bounds=_BOUNDS),
        event_hooks={"response": [_repair]},
    )
    connecting = streamable_http_client(url, http_client=client, max_sse_event_size=MOST_BYTES)
    async with client, connecting as streams:
        yield streams


async def _repair(response: httpx2.Response) -> None:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _Repaired(response.stream)


class _Repaired(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        repair = _Repair().repair
        async for piece in self._body:
            yield repair(piece, last=False)
        yield repair(b"", last=True)

    async def aclose(self) -> None:
        await self._body.aclose()
