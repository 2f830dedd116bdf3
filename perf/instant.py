"""An endpoint that answers at once, streaming or not: text, or a tool to call until it was called 50 times.

The first part of the path says which: http://127.0.0.1:PORT/text/v1, …/loop/v1, …/bash/v1 for commands, or
…/pick/v1, which names the one of m0, m1 and m2 that may speak next, where it is asked for that.
It is a process of its own, so that whoever is measured shares no interpreter lock with it; it ends when its
stdin does.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CALLS = 50
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@contextmanager
def instant_endpoint() -> Iterator[str]:
    """Its address without the scenario."""
    command = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


async def _listen() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


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
    tool = path.split("/")[1]
    if tool in ("loop", "bash") and called < CALLS:
        tool_call = (
            ("bash", {"command": f"echo {called}"}) if tool == "bash" else ("add", {"a": called, "b": 1})
        )
        function = {"name": tool_call[0], "arguments": json.dumps(tool_call[1])}
        call = {"index": 0, "id": f"call_{called}", "type": "function", "function": function}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    if tool == "pick":
        message = {"role": "assistant", "content": _picked(body)}
    return _streamed(message, finish) if body.get("stream") else _whole(message, finish)


def _whole(message: dict[str, Any], finish: str) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    document = {"id": "c", "object": "chat.completion", "created": 1, "model": "toy", "choices": [choice]}
    content = json.dumps({**document, "usage": USAGE}).encode()
    return _head("application/json", len(content)) + content


def _picked(body: dict[str, Any]) -> str:
    last = str(body["messages"][-1]["content"])
    for phrase, place in (("The members:", 0), ("select the next role from", -1)):
        if phrase in last:
            return re.findall(r"\bm[012]\b", last[last.rindex(phrase) :])[place]
    return "I have thought about it."


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


if __name__ == "__main__":
    asyncio.run(_listen())
