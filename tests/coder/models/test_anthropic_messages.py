"""Anthropic's Messages API: what is sent, what is read, and what a failure means."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from coder.base.errors import ModelAuthError, ModelUnavailable, RateLimited
from coder.base.usage import Price, Usage
from coder.models.answer_parts import Image, Opaque
from coder.models.anthropic_messages import MessageReader
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint
from coder.models.find_model import resolve
from coder.models.model import Answer, ChatMessage, Effort, Form, Sampling, ToolCall, ToolSpec
from coder.models.retries import Passing
from coder.models.stream import Unfinished
from tests.coder.models.asking import KEY, QUESTION, QUICK, Retries, ask, endpoint_of
from tests.coder.models.test_chat_answers import LEAVES
from tests.faulty_endpoint import FaultyEndpoint, error, faulty_endpoint, message, named_events, status

LOOK = ToolSpec(name="look", description="Look.", parameters={"type": "object", "properties": {}})
FORM = Form(tools=(LOOK,))
THOUGHT = {"type": "thinking", "thinking": "Hm, lœk first.", "signature": "c2lnbmVk" * 30}
HIDDEN = {"type": "redacted_thinking", "data": "aGlkZGVu" * 30}
HELLO = {"type": "text", "text": "hello"}
EPHEMERAL = {"type": "ephemeral"}


def use(id: str, **arguments: object) -> dict[str, Any]:
    """A call of the tool."""
    return {"type": "tool_use", "id": id, "name": "look", "input": arguments}


def claude(server: FaultyEndpoint, **changes: object) -> Endpoint:
    """A model of Anthropic's behind a loopback server."""
    return endpoint_of(server, **{"name": "anthropic/claude-toy", "api": "messages", **changes})


async def said(server: FaultyEndpoint, *talk: ChatMessage, effort: Effort | None = None) -> Answer:
    """The answer to a conversation with a tool."""
    async with ChatModel(claude(server), patience=QUICK) as model:
        return await model.answer(talk or QUESTION, sampling=Sampling(effort=effort), form=FORM)


def back(answer: Answer) -> ChatMessage:
    """An answer as it stands in the dialogue."""
    return ChatMessage(
        role="assistant", content=answer.text, tool_calls=answer.tool_calls, opaque=answer.opaque
    )


def unmarked(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks without the marks of the cache."""
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]


@pytest.mark.slow
async def test_words_come_as_they_are_written_and_are_counted_with_the_cache() -> None:
    tokens: list[str] = []
    counted = {"input_tokens": 10, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30}
    price = Price(input=Decimal(10), output=Decimal(100), cached=Decimal(1))

    with faulty_endpoint(message(HELLO, usage={**counted, "output_tokens": 1})) as server:
        answer = await ask(server, tokens=tokens, price=price, api="messages", key=None)

    assert (tokens, answer.text, answer.model, answer.finish) == (
        ["he", "llo"],
        "hello",
        "claude-toy",
        "stop",
    )
    assert answer.usage == Usage(input_tokens=100, output_tokens=3, cached_tokens=60, cache_write_tokens=30)
    # 40 x $10 + 60 x $1 + 3 x $100 a million.
    assert answer.cost_usd == Decimal("0.00076")


async def test_a_pdf_is_a_document_with_its_name() -> None:
    document = Image(media_type="application/pdf", base64="aGk=", name="spec.pdf")
    talk = [ChatMessage(role="user", content="What is it?", images=(document,))]

    with faulty_endpoint(message(HELLO)) as server:
        async with ChatModel(claude(server, model="claude-toy"), patience=QUICK) as model:
            await model.answer(talk, sampling=Sampling())

    part = server.requests[0].body["messages"][0]["content"][1]
    source = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
    assert (part["type"], part["title"], part["source"]) == ("document", "spec.pdf", source)


async def test_the_request_is_of_anthropics_form() -> None:
    picture = Image(media_type="image/png", base64="aGk=")
    talk = (
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="What is it?", images=(picture,)),
    )
    sampling = Sampling(temperature=0.5, top_p=0.9, seed=3, max_tokens=64, stop=("END", " "))

    with faulty_endpoint(message(HELLO)) as server:
        async with ChatModel(claude(server, model="claude-toy"), patience=QUICK) as model:
            await model.answer(talk, sampling=sampling)

    request = server.requests[0]
    source = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    assert (request.path, request.headers["authorization"]) == ("/v1/messages", f"Bearer {KEY}")
    assert request.body == {
        "model": "claude-toy",
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": EPHEMERAL}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image", "source": source, "cache_control": EPHEMERAL},
                ],
            }
        ],
        "max_tokens": 64,
        "stop_sequences": ["END"],
    }


async def test_thinking_goes_back_word_for_word_with_all_results_first_in_one_message() -> None:
    script = [message(THOUGHT, HIDDEN, HELLO, use("a", path="x"), THOUGHT, use("b"), stop="tool_use")]
    with faulty_endpoint(*script, message(HELLO)) as server:
        answer = await said(server)
        stored = Answer.model_validate_json(answer.model_dump_json())
        talk = [*QUESTION, back(stored)]
        talk += [ChatMessage(role="tool", content="seen", tool_call_id="a")]
        talk += [ChatMessage(role="tool", content="", tool_call_id="b")]
        await said(server, *talk, ChatMessage(role="user", content="Go on."))

    _, thoughts, results = server.requests[1].body["messages"]
    assert answer.reasoning == THOUGHT["thinking"] * 2
    assert answer.tool_calls[0] == ToolCall(id="a", name="look", arguments='{"path": "x"}')
    assert thoughts["content"] == [THOUGHT, HIDDEN, HELLO, use("a", path="x"), THOUGHT, use("b")]
    assert json.dumps(thoughts["content"][0]) == json.dumps(THOUGHT)
    assert unmarked(results["content"]) == [
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "seen"}]},
        {"type": "tool_result", "tool_use_id": "b", "content": []},
        {"type": "text", "text": "Go on."},
    ]


async def test_thinking_of_another_model_is_left_out() -> None:
    with faulty_endpoint(message(THOUGHT, use("a:1"), stop="tool_use"), message(HELLO)) as server:
        answer = await said(server)
        talk = [*QUESTION, back(answer), ChatMessage(role="tool", content="seen", tool_call_id="a:1")]
        async with ChatModel(claude(server, name="anthropic/other"), patience=QUICK) as other:
            await other.answer(talk, sampling=Sampling(), form=FORM)

    _, thoughts, results = server.requests[1].body["messages"]
    assert thoughts["content"] == [use("a_1")]  # an id that is refused here is written otherwise
    assert results["content"][0]["tool_use_id"] == "a_1"


async def test_a_dialogue_that_grows_has_four_marks_for_the_cache() -> None:
    talk = [ChatMessage(role="system", content="Be brief."), *QUESTION]
    for id in "abc":
        call = ToolCall(id=id, name="look", arguments="{}")
        talk.append(ChatMessage(role="assistant", content="", tool_calls=(call,)))
        talk.append(ChatMessage(role="tool", content="seen", tool_call_id=id))

    with faulty_endpoint(message(HELLO)) as server:
        await said(server, *talk)

    body = server.requests[0].body
    marked = [at for at, turn in enumerate(body["messages"]) if "cache_control" in json.dumps(turn)]
    assert json.dumps(body).count("cache_control") == 4
    assert body["system"][-1]["cache_control"] == body["tools"][-1]["cache_control"] == EPHEMERAL
    assert marked == [4, 6]  # where the request before ended, and this one


async def test_an_answer_of_nothing_is_no_message() -> None:
    empty = ChatMessage(role="assistant", content=" \n")
    again = ChatMessage(role="user", content="Answer.")

    with faulty_endpoint(message(HELLO)) as server:
        await said(server, *QUESTION, empty, again)

    turns = server.requests[0].body["messages"]
    assert [block["text"] for turn in turns for block in turn["content"]] == ["Say hello.", "Answer."]


@pytest.mark.parametrize(
    ("stop", "meant"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "refusal"),
        ("model_context_window_exceeded", "length"), ("tool_use", "other"), ("pause_turn", "other"),
    ],
)  # fmt: skip
async def test_the_reason_for_the_end_is_one_of_ours(stop: str, meant: str) -> None:
    with faulty_endpoint(message(HELLO, stop=stop)) as server:
        assert (await said(server)).finish == meant


def failure(kind: str, text: str = "no") -> dict[str, Any]:
    """An error as Anthropic words it."""
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}


async def test_a_limit_is_waited_for_as_it_asks() -> None:
    retries = Retries()
    limited = status(429, failure("rate_limit_error"), {"retry-after": "0"})

    with faulty_endpoint(limited, message(HELLO)) as server:
        answer = await ask(server, retries=retries, api="messages")

    assert answer.text == "hello"
    assert [retry.reason for retry in retries] == ["HTTP 429: no"]


@pytest.mark.parametrize("reason", [{"stop_reason": "tool_use"}, {"stop_reason": None}, {}])
async def test_a_message_that_is_not_streamed_is_the_same_answer(reason: dict[str, object]) -> None:
    blocks = [THOUGHT, HELLO, use("t1", at="x")]
    document = {"type": "message", "role": "assistant", "model": "claude-toy", "content": blocks, **reason}
    usage = {"input_tokens": 7, "output_tokens": 3}

    with faulty_endpoint(
        message(*blocks, stop="tool_use"), status(200, {**document, "usage": usage})
    ) as server:
        streamed, whole = await said(server), await said(server)

    unlike = {"seconds": 0.0, "finish": "stop"}
    assert whole.model_copy(update=unlike) == streamed.model_copy(update=unlike)


async def test_an_overload_passes_also_in_the_middle_of_an_answer() -> None:
    retries = Retries()
    begun = {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}
    broken = named_events(begun, failure("overloaded_error", "Overloaded"))

    with faulty_endpoint(status(529, failure("overloaded_error")), broken, message(HELLO)) as server:
        answer = await ask(server, retries=retries, api="messages")

    assert answer.text == "hello"
    assert [retry.reason for retry in retries] == [
        "HTTP 529: no",
        "an error in the middle of the answer: Overloaded",
    ]
    assert retries[1].lost is not None


@pytest.mark.parametrize(
    ("http", "kind"),
    [(401, ModelAuthError), (429, RateLimited), (529, ModelUnavailable)],
)
async def test_what_does_not_pass_is_one_of_our_errors(http: int, kind: type[Exception]) -> None:
    with faulty_endpoint(status(http, failure("some_error"))) as server, pytest.raises(kind, match="no"):
        await ask(server, api="messages")


async def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    begun = {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}

    with faulty_endpoint(named_events(begun, ending="reset"), named_events(begun), message(HELLO)) as server:
        answer = await ask(server, api="messages")

    assert (answer.text, len(server.requests)) == ("hello", 3)


async def test_a_limit_of_the_answer_is_learned_from_its_refusal() -> None:
    most = "max_tokens: 64000 > 32000, which is the maximum allowed number of output tokens for claude-toy"
    room = "input length and `max_tokens` exceed context limit: 180000 + 32000 > 200000"

    with faulty_endpoint(error(400, most), error(400, room), message(HELLO)) as server:
        await said(server)

    sent = [request.body["max_tokens"] for request in server.requests]
    assert sent[:2] == [64_000, 32_000]
    assert len(sent) == 3


async def test_effort_is_told_as_the_model_takes_it() -> None:
    adaptive = "adaptive thinking is not supported on this model"
    refused = "thinking: Extra inputs are not permitted"

    with faulty_endpoint(error(400, adaptive), error(400, refused), message(HELLO)) as server:
        await said(server, effort="medium")

    first, second, third = (request.body for request in server.requests)
    assert (first["thinking"], first["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})
    assert second["thinking"] == {"type": "enabled", "budget_tokens": 16_384}
    assert "output_config" not in second
    assert "thinking" not in third


async def test_the_provider_is_called_natively_and_its_sdk_is_an_extra() -> None:
    choice = await resolve("anthropic/claude-x", environ={"ANTHROPIC_API_KEY": "k" * 20})

    assert choice.endpoint is not None
    assert (choice.endpoint.api, choice.endpoint.key) == ("messages", SecretStr("k" * 20))
    assert choice.endpoint.shown_url == "https://api.anthropic.com/v1"


BLOCKS = st.dictionaries(st.sampled_from(["type", *THOUGHT, "data", "text", "id", "name"]), LEAVES)
KINDS = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"]
PARTS = ["thinking", "redacted_thinking", "tool_use", "text_delta", "signature_delta", "input_json_delta"]
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)},
    optional={
        "index": LEAVES | st.lists(LEAVES, max_size=1),
        "message": LEAVES | st.dictionaries(st.sampled_from(["model", "usage"]), LEAVES | BLOCKS),
        "content_block": LEAVES
        | st.builds(lambda kind, more: {**more, "type": kind}, st.sampled_from(PARTS), BLOCKS),
        "delta": LEAVES
        | st.builds(lambda kind, more: {**more, "type": kind}, st.sampled_from(PARTS), BLOCKS),
        "usage": LEAVES | st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), LEAVES),
    },
)


@pytest.mark.slow
@given(st.lists(EVENTS | LEAVES, max_size=6))
def test_events_of_any_shape_make_an_answer_or_a_fault_that_is_retried(events: list[object]) -> None:
    unfinished, reader = Unfinished(), MessageReader()

    text = "".join(reader.take(unfinished, event) for event in events)
    opaque = unfinished.opaque("messages anthropic/toy")

    assert opaque is None or Opaque.model_validate_json(opaque.model_dump_json()) == opaque
    try:
        assert unfinished.text() == text
    except Passing:
        return
