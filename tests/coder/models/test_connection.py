"""What goes out to an endpoint and comes back: headers, bounds, and the forms that the packages define."""

import asyncio
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from coder.base.errors import MissingExtra, ModelError, ModelUnavailable
from coder.models.answer_parts import Image
from coder.models.chat_completions import ChatModel
from coder.models.connection import import_client
from coder.models.http_bounds import MAX_LINE
from coder.models.model import ChatMessage, Form, Sampling, ToolCall, ToolSpec
from coder.models.responses import take_event
from coder.models.stream import Unfinished
from tests.coder.models.asking import KEY, QUICK, ask, endpoint_of
from tests.faulty_endpoint import FaultyEndpoint, Reply, begins, faulty_endpoint, message, says, streams
from tests.https_server import https_server

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TALK = (
    ChatMessage(role="system", content="Be brief."),
    ChatMessage(role="user", content="Look.", images=(Image(media_type="image/png", base64=PNG),)),
    ChatMessage(
        role="assistant",
        content="I look.",
        tool_calls=(ToolCall(id="c1", name="look", arguments='{"at": "a"}'),),
    ),
    ChatMessage(role="tool", content="Nothing there.", tool_call_id="c1"),
)
FORM = Form(
    tools=(ToolSpec(name="look", description="Look.", parameters={"type": "object", "properties": {}}),)
)
MESSAGE = message({"type": "text", "text": "hello"})
RESPONSE = streams(
    {"type": "response.output_text.delta", "delta": "hello"},
    {"type": "response.completed", "response": {"model": "toy", "output": []}},
)


def check_form(form: object, value: object) -> None:
    """Validate a value, the iterators that pydantic puts in place of iterables included."""

    def exhaust(part: object) -> None:
        if isinstance(part, dict):
            part = part.values()
        if isinstance(part, Iterable) and not isinstance(part, str | bytes):
            for inner in part:
                exhaust(inner)

    adapter = TypeAdapter(form)  # its iterators work as long as it lives
    exhaust(adapter.validate_python(value))


async def body_sent(server: FaultyEndpoint, **changes: object) -> dict[str, Any]:
    async with ChatModel(endpoint_of(server, **changes), patience=QUICK) as model:
        await model.answer(TALK, sampling=Sampling(effort="low", max_tokens=9000), form=FORM)
    return server.requests[-1].body


async def test_headers_that_the_environment_names_reach_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "x-planted: planted")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "planted")

    with faulty_endpoint(says("hello"), MESSAGE) as server:
        await ask(server)
        await ask(server, api="messages")

    for request in server.requests:
        assert "planted" not in request.headers.values()
        assert not [name for name in request.headers if name.startswith("x-stainless")]
        assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_openai_itself_is_told_the_organisation_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")

    with faulty_endpoint(says("hello")) as server:
        await ask(server, limit_field="max_completion_tokens")

    assert server.requests[0].headers["openai-organization"] == "org-mine"


@pytest.mark.parametrize("api", ["chat", "messages"])
async def test_an_endpoint_without_a_key_gets_none(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted")

    with faulty_endpoint(says("hello") if api == "chat" else MESSAGE) as server:
        await ask(server, api=api, key=None)

    assert not {"authorization", "x-api-key"} & set(server.requests[0].headers)


@pytest.mark.slow
async def test_an_answer_that_is_compressed_unasked_is_refused_before_it_is_unpacked() -> None:
    packed = gzip.compress(b"data: " + b" " * (80 << 20))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n".encode()

    with faulty_endpoint(Reply((head + packed,))) as server, pytest.raises(ModelUnavailable, match="broke"):
        await ask(server)

    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_line_of_a_stream_over_its_limit_is_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: "

    endless = Reply((head, *[b" " * (1 << 20)] * 9, b"\n\n"))
    with faulty_endpoint(endless) as server, pytest.raises(ModelError, match="cut off"):
        await ask(server)

    assert MAX_LINE == 8 << 20


async def test_requests_of_chat_completions_have_the_form_that_the_package_openai_defines() -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

    with faulty_endpoint(says("hello")) as server:
        body = await body_sent(server)

    check_form(CompletionCreateParamsStreaming, body)
    with pytest.raises(ValidationError):
        check_form(CompletionCreateParamsStreaming, body | {"messages": [{"role": "nobody", "content": 1}]})


@pytest.mark.slow
async def test_requests_of_responses_have_the_form_that_the_package_openai_defines() -> None:
    from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

    with faulty_endpoint(RESPONSE) as server:
        body = await body_sent(server, api="responses")

    check_form(ResponseCreateParamsStreaming, body)
    with pytest.raises(ValidationError):
        check_form(ResponseCreateParamsStreaming, body | {"tools": [{"type": "function"}]})


@pytest.mark.slow
async def test_requests_of_messages_have_the_form_that_the_package_anthropic_defines() -> None:
    from anthropic.types.message_create_params import MessageCreateParamsStreaming

    with faulty_endpoint(MESSAGE) as server:
        body = await body_sent(server, api="messages")

    check_form(MessageCreateParamsStreaming, body)
    with pytest.raises(ValidationError):
        check_form(MessageCreateParamsStreaming, body | {"messages": [{"role": "system", "content": 1}]})


def test_without_anthropics_client_its_models_say_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)

    with pytest.raises(MissingExtra, match=r"\[anthropic\]"):
        import_client("messages")


@pytest.mark.slow
def test_a_model_of_another_vendor_loads_none_of_anthropics_client() -> None:
    program = (
        "import asyncio, sys\n"
        "from tests.coder.models.asking import ask\n"
        "from tests.faulty_endpoint import faulty_endpoint, says\n"
        "with faulty_endpoint(says('hello')) as server:\n"
        "    asyncio.run(ask(server))\n"
        "print('anthropic' in sys.modules, 'openai' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)

    assert done.stdout == "False True\n", done.stderr


async def test_a_long_dialogue_takes_no_more_steps_of_the_client_than_a_short_one() -> None:
    """The client's own methods compare each value of a request with its type, at every request again."""
    steps: list[int] = []
    with faulty_endpoint(says("hello"), says("hello"), says("hello")) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            for talk in (TALK, TALK, TALK * 50):  # the first request imports what all need

                def count(frame: FrameType, event: str, _: object) -> None:
                    steps[-1] += event == "call" and "/openai/" in frame.f_code.co_filename

                steps.append(0)
                sys.setprofile(count)
                try:
                    await model.answer(talk, sampling=Sampling(), form=FORM)
                finally:
                    sys.setprofile(None)

    assert 0 < steps[2] <= 1.5 * steps[1]


@pytest.mark.slow
async def test_calls_at_the_same_time_each_see_their_own_signs_of_life() -> None:
    """One stream that hangs ends by its silence while another of the same client goes on."""
    one_ended = threading.Event()
    drips = streams(*[{"choices": [{"delta": {"content": "a"}}]}] * 6_000)
    slow = replace(drips, before_piece=lambda number: number and one_ended.wait(0.05))
    patience = QUICK.model_copy(update={"idle_s": 2.0, "attempts": 1})

    with faulty_endpoint(begins("hel", ending="hang"), slow) as server:
        async with ChatModel(endpoint_of(server), patience=patience) as model:
            both = [asyncio.create_task(model.answer(TALK[:2], sampling=Sampling())) for _ in range(2)]
            ended, others = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in others:
                task.cancel()
            one_ended.set()
            (error,) = [task.exception() for task in ended]

    assert "no sign of life for 2 s" in str(error)


@pytest.mark.slow
def test_the_streams_of_these_tests_have_the_form_that_the_packages_define() -> None:
    """What the readers are tested with is what the vendors' own types say of streams."""
    from anthropic.types import RawMessageStreamEvent
    from openai.types.chat import ChatCompletionChunk

    chunks = [json.loads(line[6:]) for line in lines_of(says("hel", "lo")) if line.startswith(b"data: {")]
    events = [json.loads(line[6:]) for line in lines_of(MESSAGE) if line.startswith(b"data: {")]

    for chunk in chunks:
        TypeAdapter(ChatCompletionChunk).validate_python(chunk)
    for event in events:
        if event["type"] != "ping":
            TypeAdapter(RawMessageStreamEvent).validate_python(event)
    with pytest.raises(ValidationError):
        TypeAdapter(ChatCompletionChunk).validate_python(chunks[0] | {"choices": [{"delta": 3}]})


@pytest.mark.slow
def test_an_answer_that_the_package_openai_writes_as_responses_is_read_as_it_says() -> None:
    from openai.types.responses import Response, ResponseCompletedEvent, ResponseTextDeltaEvent

    answer = Unfinished()
    part = {"type": "output_text", "text": "hello", "annotations": []}
    response = Response.model_validate(
        {
            **{"id": "r", "object": "response", "created_at": 1, "model": "toy", "tools": []},
            **{"parallel_tool_calls": True, "tool_choice": "auto"},
            "output": [
                {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "sealed"},
                {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]},
                {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            ],
            "usage": {
                **{"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
                "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 1},
            },
        }
    )
    at = {"item_id": "m", "output_index": 1, "content_index": 0, "logprobs": []}
    delta = ResponseTextDeltaEvent(type="response.output_text.delta", delta="hello", sequence_number=1, **at)
    end = ResponseCompletedEvent(type="response.completed", response=response, sequence_number=2)

    take_event(answer, delta.model_dump(mode="json"))
    take_event(answer, end.model_dump(mode="json"))

    assert (answer.text(), answer.finish) == ("hello", "stop")
    assert [(call.id, call.name) for call in answer.tool_calls()] == [("c", "look")]
    assert answer.usage is not None
    assert (answer.usage.cached_tokens, answer.usage.reasoning_tokens) == (2, 1)
    assert "sealed" in str(answer.opaque("toy"))


def lines_of(reply: Reply) -> list[bytes]:
    """Lines of the body of a stream, without the sizes of its parts."""
    return b"".join(reply.pieces).replace(b"\r\n", b"\n").split(b"\n")


@pytest.mark.slow
def test_a_model_of_anthropic_without_its_client_is_refused_before_the_run(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['anthropic'] = None\n"
        "from coder.people.cli.main import main\n"
        "sys.exit(main(['solve', 'Write add.', '--model', 'anthropic/claude-toy', '--check', 'assert 1']))"
    )
    environ = {**os.environ, "CODER_HOME": str(tmp_path), "ANTHROPIC_API_KEY": "unused"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=environ,
    )

    assert done.returncode == 2, done.stderr
    assert "The client of Anthropic's models isn't installed. Install it: " in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_server_here_is_trusted_by_the_certificate_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't here to make a certificate")
    with faulty_endpoint() as unused, https_server(tmp_path, {}) as (url, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

        with pytest.raises(ModelUnavailable, match="HTTP 501"):  # this server answers GET alone
            await ask(unused, url=SecretStr(f"{url}/v1"))


@pytest.mark.parametrize(("variable", "scheme"), [("HTTPS_PROXY", "https"), ("http_proxy", "http")])
async def test_a_proxy_that_wants_a_password_is_named_and_asked_once(
    variable: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv(variable, f"http://ann:secret@127.0.0.1:{port}")

    async with server:
        with faulty_endpoint() as unused, pytest.raises(ModelUnavailable) as refused:
            await ask(unused, url=SecretStr(f"{scheme}://models.example.com/v1"), is_local=False)

    words = str(refused.value)
    assert words.startswith(
        f"The proxy http://***@127.0.0.1:{port} to {scheme}://models.example.com/v1 refuses"
    )
    assert "407" in words
    assert f"{scheme.upper()}_PROXY" in words
    assert "secret" not in words
    assert connections == 1
