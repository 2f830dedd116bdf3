"""An endpoint that answers at once, streaming or not: text, or a tool to call until it was called 50 times.

The first part of the path says which: http://127.0.0.1:PORT/text/v1 or …/loop/v1.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

CALLS = 50
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@contextmanager
def instant_endpoint() -> Iterator[str]:
    """Its address without the scenario, in a thread of its own."""
    loop, ready, stop = asyncio.new_event_loop(), Future[int](), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(_listen(ready, stop),))
    thread.start()
    try:
        yield f"http://127.0.0.1:{ready.result()}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _listen(ready: "Future[int]", stop: asyncio.Event) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    ready.set_result(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))) or b"{}")
            writer.write(_reply(line.split()[1], body))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
        return  # the client has gone, or the measurement is over
    finally:
        writer.close()


def _reply(path: str, body: dict[str, Any]) -> bytes:
    called = sum(message.get("role") == "tool" for message in body.get("messages", []))
    message: dict[str, Any] = {"role": "assistant", "content": "done"}
    finish = "stop"
    if path.startswith("/loop/") and called < CALLS:
        function = {"name": "add", "arguments": json.dumps({"a": called, "b": 1})}
        call = {"index": 0, "id": f"call_{called}", "type": "function", "function": function}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    return _streamed(message, finish) if body.get("stream") else _whole(message, finish)


def _whole(message: dict[str, Any], finish: str) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    document = {"id": "c", "object": "chat.completion", "created": 1, "model": "toy", "choices": [choice]}
    content = json.dumps({**document, "usage": USAGE}).encode()
    return _head("application/json", len(content)) + content


def _streamed(message: dict[str, Any], finish: str) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "toy"}
    events = [
        {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        {**chunk, "choices": [], "usage": USAGE},
    ]
    lines = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return _head("text/event-stream", len(lines)) + lines.encode()


def _head(kind: str, size: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n\r\n".encode()
