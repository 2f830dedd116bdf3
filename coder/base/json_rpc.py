"""Read messages of JSON-RPC 2.0 from a client that may send anything, one a line.

What is no message is given as the error that answers it (https://www.jsonrpc.org/specification#error_object).
Batches aren't taken: neither MCP nor ACP has them.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from math import isfinite
from types import NoneType
from typing import Any, BinaryIO

import anyio

MAX_MESSAGE_BYTES = 16 << 20
"""Longest line in bytes."""
PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ID = rb'"id"\s*:\s*(0|[1-9]\d{0,17}|"[ !#-\[\]-~]{0,200}")'
_LAST_ID = re.compile(rb"[,{]\s*" + _ID + rb"\s*\}\s*\Z")
_REQUEST = re.compile(
    rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:' + _ID + rb'\s*,\s*)?"method"\s*:\s*"[^"\\]{0,200}"\s*,'
)
"""The beginning of a request: what has no method may be a response, whose id is one of ours."""
_END_BYTES = 4096
"""Bytes of the end of a long line in which its id may stand."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error that answers a line that is no message."""

    code: int
    message: str
    id: int | str | None = None
    """The request's, where it could be read."""


async def read_messages(
    incoming: BinaryIO, *, max_bytes: int = MAX_MESSAGE_BYTES
) -> AsyncIterator[dict[str, Any] | Refusal]:
    """Yield each line's message, or why it is none; blank lines are left out. It may be cancelled."""
    while line := await _read(incoming, max_bytes):
        if len(line) == max_bytes and not line.endswith(b"\n"):
            request = _REQUEST.match(line[:_END_BYTES])
            end = part = line
            while len(part) == max_bytes and not part.endswith(b"\n"):
                part = await _read(incoming, max_bytes)
                end = end[-_END_BYTES:] + part
            known = request if request is None or request[1] else _LAST_ID.search(end[-_END_BYTES:])
            number = None if known is None else json.loads(known[1])
            yield Refusal(PARSE_ERROR, f"A message has at most {max_bytes >> 20} MiB", number)
        elif line.strip():
            yield parse_message(line)


def parse_message(line: bytes) -> dict[str, Any] | Refusal:
    """Return a line's request, notification or response, or why it is none."""
    try:
        value = json.loads(line.decode(), parse_constant=_refuse_constant, parse_float=_finite)
        if _SURROGATE.search(line):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Refusal(INVALID_PARAMS, "A text holds half of a surrogate pair", _id_of(value))
    except (ValueError, RecursionError):
        return Refusal(PARSE_ERROR, "Parse error: a line is one JSON value, in UTF-8")
    if isinstance(value, list):
        return Refusal(INVALID_REQUEST, "Invalid request: batches aren't taken")
    if not isinstance(value, dict) or type(value.get("id")) not in (NoneType, int, str):
        return Refusal(INVALID_REQUEST, "Invalid request: no object whose id is a number, a text or null")
    if not _is_called(value):
        return Refusal(INVALID_REQUEST, "Invalid request: no method, result or error")
    return value


def _is_called(value: dict[str, Any]) -> bool:
    if "method" in value:
        return isinstance(value["method"], str)
    return "result" in value or isinstance(value.get("error"), dict)


async def _read(incoming: BinaryIO, max_bytes: int) -> bytes:
    return await anyio.to_thread.run_sync(incoming.readline, max_bytes, abandon_on_cancel=True)


def _id_of(value: object) -> int | str | None:
    """Return the id of a request whose texts can't be sent back; of a response it would be one of ours."""
    number = value.get("id") if isinstance(value, dict) and isinstance(value.get("method"), str) else None
    usable = type(number) is int or (isinstance(number, str) and number.isascii())
    return number if usable else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} isn't JSON")


def _finite(digits: str) -> float:
    if not isfinite(value := float(digits)):
        raise ValueError(f"{digits[:80]} is too large")
    return value
