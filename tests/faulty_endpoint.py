"""An OpenAI-compatible endpoint on loopback that answers as its script says, faults included.

It runs in a thread with an event loop of its own, so that it serves the test as well as child processes.
"""

import asyncio
import contextlib
import itertools
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

_NUMBERS = itertools.count(1)
Ending = Literal["end", "reset", "hang"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent for one request: bytes in pieces, and what happens to the connection behind them."""

    pieces: tuple[bytes, ...] = ()
    ending: Ending = "end"
    pause_s: float = 0.0
    """Between two pieces."""
    before_piece: Callable[[int], object] | None = None
    """Called with the number of each piece before it is sent; may wait."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Answerer = Callable[[Request], Reply]
"""Makes the reply for a request."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A line of a stream that is no event."""

    text: str

    @property
    def line(self) -> str:
        """As it is sent."""
        return f": {self.text}"


def says(*tokens: str, usage: bool = True, finish: str = "stop") -> Reply:
    """A stream with these tokens, its token count, and [DONE]."""
    chunks = [_chunk({"role": "assistant", "content": None})]
    chunks += [_chunk({"content": token}) for token in tokens]
    chunks.append(_chunk({}, finish=finish))
    if usage:
        counted = {"prompt_tokens": 7, "completion_tokens": len(tokens), "total_tokens": 7 + len(tokens)}
        chunks.append({**_chunk({}), "choices": [], "usage": counted})
    return streams(*chunks, "[DONE]")


def calls(name: str, /, **arguments: object) -> Reply:
    """A stream with one call of a tool."""
    call = {"index": 0, **tool_call(name, **arguments)}
    return streams(_chunk({"role": "assistant", "tool_calls": [call]}, finish="tool_calls"), "[DONE]")


def tool_call(name: str, /, **arguments: object) -> dict[str, Any]:
    """A call of a tool, under an id of its own."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": f"call{next(_NUMBERS)}", "type": "function", "function": function}


def streams(*events: object, ending: Ending = "end", pause_s: float = 0.0) -> Reply:
    """A stream of these events: a str as it stands, anything else but a Comment as JSON."""
    lines = [event.line if isinstance(event, Comment) else f"data: {_text(event)}" for event in events]
    return _streamed(lines, ending, pause_s)


def _streamed(lines: Sequence[str], ending: Ending, pause_s: float = 0.0) -> Reply:
    pieces = [_head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})]
    pieces += [_chunked(f"{line}\n\n".encode()) for line in lines]
    if ending == "end":
        pieces.append(b"0\r\n\r\n")
    return Reply(tuple(pieces), ending=ending, pause_s=pause_s)


def message(*blocks: dict[str, Any], stop: str = "end_turn", usage: dict[str, Any] | None = None) -> Reply:
    """A stream of Anthropic's Messages API with these blocks, in its order of events."""
    fields = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-toy", "content": []}
    counted = usage or {"input_tokens": 7, "output_tokens": 1}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**fields, "usage": counted}}]
    for index, block in enumerate(blocks):
        begun, deltas = _block_events(block)
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": stop, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 3}})
    return named_events({"type": "ping"}, *events, {"type": "message_stop"})


def named_events(*events: dict[str, Any], ending: Ending = "end") -> Reply:
    """A stream of events that are named by their type, as Anthropic's are."""
    return _streamed([f"event: {event['type']}\ndata: {json.dumps(event)}" for event in events], ending)


def _block_events(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins, and its pieces."""
    match block["type"]:
        case "text":
            half = len(block["text"]) // 2
            pieces = [block["text"][:half], block["text"][half:]]
            return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]
        case "thinking":
            thought, signature = block["thinking"], block["signature"]
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in (thought[:3], thought[3:])]
            signed = {"type": "signature_delta", "signature": signature}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
        case "tool_use":
            pieces = [json.dumps(block["input"])[:4], json.dumps(block["input"])[4:]]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            return {**block, "input": {}}, deltas
    return block, []


def _text(event: object) -> str:
    return event if isinstance(event, str) else json.dumps(event)


def begins(*tokens: str, ending: Ending) -> Reply:
    """A stream that starts with these tokens and does not finish."""
    return streams(*(_chunk({"content": token}) for token in tokens), ending=ending)


def whole(document: object) -> Reply:
    """One JSON document with status 200, from an endpoint that doesn't stream."""
    return status(200, document)


def completion(text: str | None) -> dict[str, Any]:
    """A chat completion that was not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    counted = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "c", "object": "chat.completion", "model": "toy", "choices": [choice], "usage": counted}


def status(code: int, body: object = None, headers: dict[str, str] | None = None) -> Reply:
    """A response with this status; a str body is HTML, anything else JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    content = text.encode()
    fields = {"content-type": kind, "content-length": str(len(content)), **(headers or {})}
    return Reply((_head(code, fields) + content,))


def error(http: int, message: str, headers: dict[str, str] | None = None, **more: object) -> Reply:
    """An error as OpenAI words it."""
    return status(http, {"error": {"message": message, **more}}, headers)


def hangs() -> Reply:
    """Nothing at all, until the client goes away."""
    return Reply(ending="hang")


def resets() -> Reply:
    """A connection reset before any answer."""
    return Reply(ending="reset")


def chunk(delta: dict[str, object], *, finish: str | None = None) -> dict[str, Any]:
    """One event of a stream."""
    return _chunk(delta, finish=finish)


def unused_port() -> int:
    """A loopback port where nothing listens, and that nobody gets who asks for any port meanwhile."""
    lowest_for_any = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(1025, lowest_for_any)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@dataclass(slots=True)
class FaultyEndpoint:
    """The endpoint. The last reply of the script is repeated; GET …/models lists `models`, or replies so."""

    script: Sequence[Reply | Answerer]
    models: Sequence[str] | Reply = ("toy", "toy-large")
    requests: list[Request] = field(default_factory=list)
    """Chat completions that were asked for, in order."""
    connections: int = 0
    """Opened so far."""
    open: int = 0
    """Open now."""
    busy: int = 0
    """Requests that are being answered."""
    most_busy: int = 0
    port: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def wait_until(self, claim: Callable[["FaultyEndpoint"], bool], *, timeout_s: float = 300.0) -> bool:
        """Wait until the claim holds of this endpoint; False when it does not within the time."""
        deadline = monotonic() + timeout_s
        with self._changed:
            while not claim(self):
                if not self._changed.wait(deadline - monotonic()):
                    return claim(self)
        return True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self._count(connections=1, open=1)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client went away, as many tests want it to, or the test is over.
            return
        finally:
            writer.close()
            self._count(open=-1)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (item.partition(": ") for item in fields)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        if line.split()[1].endswith("/models"):
            reply = self.models if isinstance(self.models, Reply) else _listing(self.models)
        else:
            request = Request(line.split()[1], headers, json.loads(content))
            item = self.script[min(len(self.requests), len(self.script) - 1)]
            reply = item if isinstance(item, Reply) else item(request)
            with self._changed:
                self.requests.append(request)
                self.busy += 1
                self.most_busy = max(self.busy, self.most_busy)
                self._changed.notify_all()
        try:
            return await _send(reply, reader, writer) and not line.endswith("HTTP/1.0")
        finally:
            self.busy -= not line.split()[1].endswith("/models")

    def _count(self, *, connections: int = 0, open: int = 0) -> None:
        with self._changed:
            self.connections += connections
            self.open += open
            self._changed.notify_all()


_USED: set[int] = set()
"""Ports of earlier endpoints in this process."""


@contextmanager
def faulty_endpoint(
    *script: Reply | Answerer, models: Sequence[str] | Reply = ("toy", "toy-large")
) -> Iterator[FaultyEndpoint]:
    """An endpoint that gives these replies, one for each request, listening until the context ends."""
    endpoint = FaultyEndpoint(script=script or (says("hello"),), models=models)
    loop = asyncio.new_event_loop()
    ready: Future[None] = Future()
    thread = threading.Thread(target=loop.run_until_complete, args=(_listen(endpoint, ready),))
    thread.start()
    try:
        ready.result()
        yield endpoint
    finally:
        loop.call_soon_threadsafe(endpoint.stop.set)
        thread.join()
        loop.close()


async def _listen(endpoint: FaultyEndpoint, ready: "Future[None]") -> None:
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    while (port := server.sockets[0].getsockname()[1]) in _USED:  # the limits of an address are remembered
        server.close()
        server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    _USED.add(port)
    endpoint.port = port
    ready.set_result(None)
    await endpoint.stop.wait()
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _listing(models: Sequence[str]) -> Reply:
    listing = {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
    return status(200 if models else 404, listing)


async def _send(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Send a reply; True when the connection can be used again."""
    for number, piece in enumerate(reply.pieces):
        if reply.before_piece is not None:
            await asyncio.to_thread(reply.before_piece, number)
        writer.write(piece)
        await writer.drain()
        if reply.pause_s:
            await asyncio.sleep(reply.pause_s)
    if reply.ending == "hang":
        await reader.read()
    if reply.ending == "reset":
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
    return reply.ending == "end"


def _chunk(delta: dict[str, object], *, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "toy", "choices": [choice]}


def _chunked(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def _head(code: int, headers: dict[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {code} Status\r\n{fields}\r\n".encode()
