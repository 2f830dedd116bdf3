"""Which models does a server on this machine list? Asked in plain HTTP, without loading a client."""

import asyncio
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from coder.models.providers import Provider

LARGEST_LIST = 1 << 20
_SILENT = (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError)
_UNREADABLE = (ValueError, LookupError, TypeError, RecursionError)


async def first_that_answers(
    providers: Sequence[Provider], *, timeout_s: float
) -> tuple[Provider, list[str]] | None:
    """The first provider, in the order given, that lists a model; all are asked at the same time."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(listed_models(provider.url, timeout_s=timeout_s)) for provider in providers
        ]
    answers = zip(providers, (task.result() for task in tasks), strict=True)
    return next(((provider, models) for provider, models in answers if models), None)


async def listed_models(url: str, *, timeout_s: float) -> list[str]:
    """Names that GET `url`/models lists; none where nothing, or something else, answers within the time."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(timeout_s):
            body = await _get(parts.hostname or "", parts.port or 80, f"{parts.path.rstrip('/')}/models")
            rows = json.loads(body)["data"]
            return [row["id"] for row in rows if isinstance(row["id"], str)]
    except (*_SILENT, *_UNREADABLE):
        # Whatever listens there, it is not an endpoint that we can use.
        return []


async def _get(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        # 1.0, so that the body comes in one piece and ends with the connection.
        writer.write(
            f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ValueError("not a list")
        body = bytearray()
        while piece := await reader.read(65_536):
            body += piece
            if len(body) > LARGEST_LIST:
                raise ValueError("too long for a list")
        return bytes(body)
    finally:
        writer.close()
