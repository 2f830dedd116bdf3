"""Connect to MCP servers by stdin and stdout or HTTP, with bounded messages."""

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

MAX_MESSAGE = 16 << 20
"""Maximum bytes of one message; a server that sends more is disconnected."""
_GRACE_S = 1.0
"""Seconds for a program to end after stdin was closed, and again after SIGTERM."""
_CONNECT_S, _READ_S = 10.0, 300.0
_BOUNDS = Bounds(body=MAX_MESSAGE, stream=None, line=MAX_MESSAGE)
"""A stream of events may last as long as the server."""
_KEPT_BYTES = 500
_HEX, _HIGH, _LOW = "[0-9a-fA-F]", r"\\u[dD][89abAB]..", r"\\u[dD][c-fC-F].."
_ESCAPES = re.compile(
    rf"(?:\\[^u])+|{_HIGH}{_LOW}"  # skipped: a backslash before `u` may be escaped itself
    rf"|(?P<unfinished>(?:{_HIGH})?\\(?:u{_HEX}{{0,3}})?\Z|{_HIGH}\Z)"
    rf"|(?P<half>{_HIGH}|{_LOW})"
)
"""Escapes in JSON: half of a surrogate pair, and a beginning that the next piece may complete."""


def keep_end(end: bytearray, chunk: bytes) -> None:
    """Append bytes of a program's stderr, and keep only the last ones."""
    end += chunk
    del end[:-_KEPT_BYTES]


@asynccontextmanager
async def program_streams(
    command: Sequence[str], environment: Mapping[str, str], errors: bytearray
) -> AsyncIterator[TransportStreams]:
    """Start a program; yield its streams, and end all processes of its group at the end.

    The SDK's transport would buffer any amount of output without a newline.

    Raises:
        OSError: the program can't be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
        start_new_session=True,
        limit=MAX_MESSAGE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stderr_task = asyncio.create_task(_each(process.stderr, partial(keep_end, errors)))
    try:
        async with message_streams(process.stdout, process.stdin) as streams:
            yield streams
    finally:
        drain_task = asyncio.create_task(
            _each(process.stdout, lambda _: None)
        )  # the program may block on writing
        try:
            await _end(process)
        finally:
            stderr_task.cancel()
            drain_task.cancel()


@asynccontextmanager
async def message_streams(
    stdout: asyncio.StreamReader, stdin: asyncio.StreamWriter
) -> AsyncIterator[TransportStreams]:
    """Yield streams of messages as lines of JSON. A line over the limit of `stdout` ends the connection."""
    sender, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, messages = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        async with sender:
            with suppress(
                ValueError, anyio.BrokenResourceError
            ):  # a line is too long, or the session has ended
                while line := await stdout.readline():
                    try:
                        message = _message(line)
                    except (ValueError, RecursionError):  # not a message, such as a banner
                        await asyncio.sleep(0)  # so that many such lines don't block the loop
                    else:
                        await sender.send(SessionMessage(message))

    async def write() -> None:
        async with sender, messages:  # pending requests fail when the connection ends
            with suppress(ConnectionError):
                async for session_message in messages:
                    message = session_message.message.model_dump_json(by_alias=True, exclude_unset=True)
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
    validate = partial(mcp_types.jsonrpc_message_adapter.validate_json, by_name=False)
    try:
        return validate(line)
    except ValueError:
        return validate(_Repair().repair(line, last=True))


class _Repair:
    """Replaces invalid parts of JSON in a stream by U+FFFD, because the parser refuses what servers send.

    Invalid are halves of surrogate pairs, which JavaScript creates when it cuts texts, and bytes that
    aren't UTF-8.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unfinished = ""

    def repair(self, piece: bytes, *, last: bool) -> bytes:
        """Return the repaired piece, without an unfinished escape at its end unless it is the last piece."""
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
        await terminate_posix_process_tree(process, _GRACE_S)  # type: ignore[arg-type] # it accepts anyio's processes, too
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
        process._transport.close()  # type: ignore[attr-defined] # a grandchild may hold the pipes


@asynccontextmanager
async def http_streams(url: str, headers: Mapping[str, str]) -> AsyncIterator[TransportStreams]:
    """Connect by Streamable HTTP. A response or event over MAX_MESSAGE bytes fails."""
    client = httpx2.AsyncClient(
        headers=headers,
        timeout=httpx2.Timeout(_CONNECT_S, read=_READ_S),
        transport=BoundedTransport(url, bounds=_BOUNDS),
        event_hooks={"response": [_repair]},
    )
    connecting = streamable_http_client(url, http_client=client, max_sse_event_size=MAX_MESSAGE)
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
