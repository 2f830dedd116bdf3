"""Lines of JSON from a client: one that is too long is no message, whatever it begins with."""

import io
import json

import pytest

from coder.people.acp import stdio
from coder.people.acp.stdio import JsonLines

MESSAGE = b'{"jsonrpc":"2.0","method":"session/list","id":1}'


@pytest.mark.parametrize("rest", [b" " * 200, b" " * 200 + b"junk"], ids=["blanks", "junk"])
async def test_a_line_that_is_too_long_is_refused_also_where_its_beginning_is_a_message(
    rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "_MAX_MESSAGE_BYTES", 100)
    answers = io.BytesIO()
    lines = JsonLines(io.BytesIO(MESSAGE + rest + b"\n" + MESSAGE + b"\n"), answers)

    messages = [await lines.receive(), await lines.receive()]

    assert messages == [json.loads(MESSAGE), None]
    assert json.loads(answers.getvalue())["error"]["message"] == "Parse error"
