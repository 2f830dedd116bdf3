"""A line of a client is a message of JSON-RPC, or has the error that answers it; what follows is read."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.json_rpc import Refusal, parse_message, read_messages

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
LINE = json.dumps(PING).encode() + b"\n"
LARGE = b'"params": {"x": "' + b"a" * 9_000 + b'"}'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "method", "result", "x"]), inner),
)


async def read(content: bytes, max_bytes: int = 1 << 12) -> list[dict[str, Any] | Refusal]:
    return [message async for message in read_messages(io.BytesIO(content), max_bytes=max_bytes)]


@pytest.mark.parametrize(
    ("line", "code", "number"),
    [
        (b"{nope", -32700, None),
        (b"\xff\xfe", -32700, None),
        (b'{"id": 7, "method": "ping", "params": {"x": NaN}}', -32700, None),
        (b'{"id": 7, "method": "ping", "params": {"x": 1e999}}', -32700, None),
        (b'{"id": 7, "method": "ping", "params": {"x": ' + b"9" * 5_000 + b"}}", -32700, None),
        (b"[" * 100_000 + b"]" * 100_000, -32700, None),
        (b"[]", -32600, None),
        (b'[{"jsonrpc": "2.0", "id": 7, "method": "ping"}]', -32600, None),
        (b"3", -32600, None),
        (b'{"id": 1.5, "method": "ping"}', -32600, None),
        (b'{"id": true, "method": "ping"}', -32600, None),
        (b'{"id": 7}', -32600, None),
        (b'{"id": 7, "method": 3}', -32600, None),
        (b'{"id": "a", "method": "ping", "params": {"x": "\\ud800"}}', -32602, "a"),
        (b'{"id": "\\ud800", "method": "ping"}', -32602, None),
        (b'{"id": 7, "result": "\\ud800"}', -32602, None),
    ],
)
def test_what_is_no_message_has_its_error_with_the_id_that_could_be_read(
    line: bytes, code: int, number: object
) -> None:
    refusal = parse_message(line)

    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.id) == (code, number)


@given(VALUES)
def test_every_json_value_is_a_message_that_can_be_sent_on_or_a_refusal(value: object) -> None:
    message = parse_message(json.dumps(value).encode())

    if isinstance(message, Refusal):
        assert json.dumps([message.message, message.id]).isascii()
    else:
        assert message == value
        json.dumps(message, ensure_ascii=False).encode()


@given(st.binary())
def test_no_bytes_raise(line: bytes) -> None:
    assert isinstance(parse_message(line), dict | Refusal)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b'{"jsonrpc": "2.0", "id": 8, "method": "ping", ' + LARGE + b"}", 8),
        (b'{"method": "ping", ' + LARGE + b', "jsonrpc": "2.0", "id": "b"}', "b"),
        (b'{"method": "ping", "params": {"x": "' + b"a" * 9_000 + b'", "id": 8}}', None),
        (b'{"method": "ping", "params": "' + b"a" * 9_000 + b'\\"id\\": 8}"}', None),
        (b'{"id": 8, "result": "' + b"a" * 9_000 + b'"}', None),
        (b'{"result": "' + b"a" * 9_000 + b'", "id": 8}', None),
        (b'{"id": 008, "method": "ping", ' + LARGE + b"}", None),
        (b'{"id": "\t", "method": "ping", ' + LARGE + b"}", None),
        (b'{"id": "\xff", "method": "ping", ' + LARGE + b"}", None),
        (b'{"method": "ping", ' + LARGE + b', "id": 08}', None),
        (b"a" * 9_000, None),
    ],
    ids=[
        *("id first", "id last", "id of an argument", "id in a text"),
        *("a response", "a response with its id last"),
        *("no number", "a tab", "no UTF-8", "no number last", "no JSON"),
    ],
)
async def test_a_line_that_is_too_long_is_refused_by_its_id_and_the_next_is_read(
    line: bytes, number: object
) -> None:
    refusal, message = await read(line + b"\n" + LINE)

    assert isinstance(refusal, Refusal)
    assert (refusal.id, message) == (number, PING)


async def test_a_line_that_is_too_long_is_refused_also_where_its_beginning_is_a_message() -> None:
    refusal, message = await read(LINE.strip() + b" " * 5_000 + b"\n" + LINE)

    assert isinstance(refusal, Refusal)
    assert message == PING


async def test_blank_lines_are_left_out_and_a_last_line_needs_no_end() -> None:
    assert await read(b"\n \n" + LINE.strip()) == [PING]
