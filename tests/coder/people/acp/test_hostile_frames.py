"""Whatever a client sends is answered by messages of JSON-RPC alone, and the server lives on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.coder.people.cli.console import CODER, Console
from tests.coder.people.cli.start_for_others import command_for_others

METHODS = (
    *("initialize", "authenticate", "session/new", "session/load", "session/resume", "session/list"),
    *("session/prompt", "session/cancel", "session/close", "session/set_mode", "session/set_config_option"),
    *("session/fork", "no/such/method", "_extension", "$/cancel_request", ""),
)
FIELDS = (
    "sessionId",
    "cwd",
    "mcpServers",
    "prompt",
    "modeId",
    "configId",
    "value",
    "cursor",
    "protocolVersion",
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=4)
ids = st.integers(0, 3) | st.text(max_size=3) | scalars
requests = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": st.sampled_from(METHODS), "params": objects | values},
    optional={"id": ids},
)
answers = st.fixed_dictionaries({"id": ids}, optional={"result": values, "error": values | objects})
documents = st.one_of(requests, answers, st.lists(requests, max_size=3), values)
frames = documents.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=40).map(
    lambda data: data.replace(b"\n", b" ")
)
pytestmark = pytest.mark.slow
LAST = "the last request"


def test_every_frame_is_answered_as_json_rpc_says_and_the_server_lives_on(
    console: Console, tmp_path: Path
) -> None:
    @given(st.lists(frames, max_size=6))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def sends(sent: list[bytes]) -> None:
        expected_ids = [identity for line in sent for identity in ids_to_answer(line)]

        answers = replies(server, sent, count=len(expected_ids))

        assert sorted(repr(one["id"]) for one in answers) == sorted(map(repr, expected_ids))

    with serving(console, tmp_path / "stderr") as server:
        sends()
        assert server.poll() is None


LONG = b"x" * (17 << 20)


@pytest.mark.parametrize(
    ("frame", "number"),
    [
        (b'{"id": NaN, "method": "session/list"}', None),
        (b'{"id": 1, "method": "session/list", "params": {"cwd": 1e999}}', None),
        (b'{"id": true, "method": "session/list"}', None),
        (b'{"id": 0, "error": "a text"}', None),
        (b'{"id": 1, "method": "session/list", "params": {"cwd": "' + LONG + b'"}}', 1),
        (b'{"id": 1, "result": {"cwd": "' + LONG + b'"}}', None),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "session/list"}]', None),
    ],
    ids=["NaN", "infinite", "true", "error of text", "17 MiB", "response of 17 MiB", "batch"],
)
def test_a_frame_that_is_no_message_is_refused_with_the_id_of_a_request_that_is_too_long_alone(
    console: Console, tmp_path: Path, frame: bytes, number: object
) -> None:
    with serving(console, tmp_path / "stderr") as server:
        (answer,) = replies(server, [frame], count=1)

    assert (answer["id"], "error" in answer) == (number, True)


def test_two_requests_of_one_id_are_answered_twice(console: Console, tmp_path: Path) -> None:
    twice = [json.dumps({"jsonrpc": "2.0", "id": 7, "method": method}).encode() for method in ("a", "b")]

    with serving(console, tmp_path / "stderr") as server:
        answers = replies(server, twice, count=2)

    assert [(one["id"], one["error"]["code"]) for one in answers] == [(7, -32601)] * 2


def ids_to_answer(line: bytes) -> list[object]:
    """The id of the answer to a line, by the rules of JSON-RPC 2.0; none for what is not answered."""
    if not line.strip():
        return []
    try:
        value = json.loads(line, parse_constant=lambda _: json.loads(""))
    except (ValueError, RecursionError):
        return [None]
    if not isinstance(value, dict) or type(value.get("id")) not in (type(None), int, str):
        return [None]
    if isinstance(value.get("method"), str):
        return [value["id"]] if "id" in value else []
    is_response = "method" not in value and ("result" in value or isinstance(value.get("error"), dict))
    return [] if is_response else [None]


def replies(server: "Popen[bytes]", sent: list[bytes], *, count: int) -> list[dict[str, Any]]:
    """Send lines and a request that is fine; return the other answers, once all are there."""
    assert server.stdin is not None
    assert server.stdout is not None
    last = {"jsonrpc": "2.0", "id": LAST, "method": "initialize", "params": {"protocolVersion": 1}}
    server.stdin.write(b"\n".join([*sent, json.dumps(last).encode()]) + b"\n")
    server.stdin.flush()
    messages: list[dict[str, Any]] = []
    for _ in range(count + 1):
        message = json.loads(server.stdout.readline(), parse_constant=pytest.fail)
        assert ("result" in message) is not ("error" in message)
        messages.append(message)
    (answer,) = [one for one in messages if one["id"] == LAST]
    assert answer["result"]["protocolVersion"] == 1
    return [one for one in messages if one is not answer]


@contextmanager
def serving(console: Console, stderr: Path) -> Iterator["Popen[bytes]"]:
    """Start a server, and end it."""
    words = ("acp", "--base-url", "http://127.0.0.1:9/v1", "-m", "toy")
    forked = command_for_others(CODER, *words, environ=console.environ, cwd=console.home)
    with stderr.open("wb") as file, forked as command:
        server = Popen(command, stdin=PIPE, stdout=PIPE, stderr=file, env=console.environ, cwd=console.home)
        try:
            yield server
        finally:
            server.kill()
            server.communicate()
