from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from coder.base.errors import ModelRefused, ModelUnavailable
from coder.base.usage import Price
from coder.models.chat_completions import ChatModel
from coder.models.model import ChatMessage, Sampling, Usage
from coder.models.retries import Passing
from coder.models.stream import MAX_ANSWER, Unfinished
from coder.models.tokens import usage_of
from tests.coder.models.asking import QUESTION, ask, endpoint_of
from tests.faulty_endpoint import (
    chunk,
    completion,
    error,
    faulty_endpoint,
    named_events,
    says,
    status,
    streams,
    tool_call,
    whole,
)

SAMPLING = Sampling(temperature=0.5, top_p=0.9, seed=3, max_tokens=64)


async def test_tokens_arrive_one_by_one_and_make_the_answer() -> None:
    tokens: list[str] = []

    with faulty_endpoint(says("hel", "lo", " world")) as server:
        answer = await ask(server, tokens=tokens, key=None)

    assert tokens == ["hel", "lo", " world"]
    assert answer.text == "hello world"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3)


async def test_the_request_streams_and_carries_the_sampling() -> None:
    with faulty_endpoint(says("hello")) as server:
        await ask(server, sampling=SAMPLING)

    assert server.requests[0].body == {
        "model": "toy",
        "messages": [{"role": "user", "content": "Say hello."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "max_tokens": 64,
    }


async def test_an_endpoint_that_counts_no_tokens_has_them_estimated_at_four_characters() -> None:
    with faulty_endpoint(says("hello", " world", usage=False)) as server:
        answer = await ask(server)

    # "Say hello." has 10 characters, "hello world" 11.
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 3)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "refusal"), ("tool_calls", "other")],
)
async def test_the_reason_for_the_end_is_one_of_ours(said: str, meant: str) -> None:
    with faulty_endpoint(says("hello", finish=said)) as server:
        answer = await ask(server)

    assert answer.finish == meant


@pytest.mark.parametrize("number", [0, 10**300])
async def test_a_count_that_is_none_is_no_count_and_never_costs_nothing(number: int) -> None:
    counted = {"prompt_tokens": number, "completion_tokens": number}
    reply = streams(chunk({"content": "12345"}, finish="stop"), {"choices": [], "usage": counted}, "[DONE]")
    with faulty_endpoint(reply) as server:
        answer = await ask(server, price=Price(input=Decimal(1), output=Decimal(1)))

    assert answer.usage == Usage(input_tokens=3, output_tokens=2, is_estimate=True)
    assert answer.cost_usd == Decimal("0.000005")


REASONS: dict[str, dict[str, object]] = {
    "absent": {},
    "null": {"finish_reason": None},
    "empty": {"finish_reason": ""},
}


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
async def test_a_stream_with_the_mark_of_its_end_is_whole_without_a_reason(
    reason: dict[str, object], api: str
) -> None:
    text = {
        "chat": {"choices": [{"index": 0, "delta": {"content": "hello"}, **reason}]},
        "responses": {"type": "response.output_text.delta", "delta": "hello"},
        "messages": {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hello"},
        },
    }[api]
    begin = {"type": "message_start", "message": {"model": "toy", "stop_reason": None}}

    stream = (
        named_events(begin, text, {"type": "message_stop"}) if api == "messages" else streams(text, "[DONE]")
    )
    with faulty_endpoint(stream) as server:
        answer = await ask(server, api=api)

    assert (answer.text, answer.finish, len(server.requests)) == ("hello", "stop", 1)


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
async def test_a_whole_document_is_an_answer_without_a_reason(reason: dict[str, object]) -> None:
    call = tool_call("look", at="x")
    message = {"role": "assistant", "content": None, "tool_calls": [call]}

    with faulty_endpoint(whole({"choices": [{"message": message, **reason}]})) as server:
        answer = await ask(server)

    assert [call.name for call in answer.tool_calls] == ["look"]
    assert len(server.requests) == 1


async def test_an_empty_answer_without_a_reason_is_asked_for_again() -> None:
    empty = streams({"choices": [{"index": 0, "delta": {"content": ""}}]}, "[DONE]")

    with faulty_endpoint(empty, says("hello")) as server:
        answer = await ask(server)

    assert (answer.text, len(server.requests)) == ("hello", 2)


async def test_null_content_is_an_empty_answer() -> None:
    with faulty_endpoint(status(200, completion(None))) as server:
        answer = await ask(server)

    assert (answer.text, answer.finish) == ("", "stop")


async def test_a_refusal_says_so_in_its_own_words() -> None:
    events = [chunk({"refusal": "I won't."}), chunk({}, finish="stop"), "[DONE]"]

    with faulty_endpoint(streams(chunk({}), *events)) as server:
        answer = await ask(server)

    assert answer.text == "I won't."


async def test_reasoning_is_not_part_of_the_answer() -> None:
    thought = chunk({"reasoning_content": "hm", "content": None})
    parts = chunk({"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "hello"}]})

    with faulty_endpoint(streams(thought, parts, chunk({}, finish="stop"), "[DONE]")) as server:
        answer = await ask(server)

    assert answer.text == "hello"


@pytest.mark.parametrize("code", [400, 422])
@pytest.mark.parametrize("parameter", ["stream_options", "temperature", "top_p", "seed"])
async def test_a_refused_parameter_is_left_out_from_then_on(parameter: str, code: int) -> None:
    refusal = error(code, f"Unsupported parameter: '{parameter}'.")

    with faulty_endpoint(refusal, says("hello")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            for _ in range(2):
                await model.answer(QUESTION, sampling=SAMPLING)

    assert [parameter in request.body for request in server.requests] == [True, False, False]


async def test_a_refused_parameter_is_left_out_by_later_connections_of_the_process() -> None:
    refusal = error(400, "Unsupported parameter: 'temperature'.")

    with faulty_endpoint(refusal, says("hello")) as server:
        for _ in range(2):
            await ask(server, sampling=SAMPLING)
        await ask(server, sampling=SAMPLING, model="other")

    assert ["temperature" in request.body for request in server.requests] == [True, False, False, True]


async def test_a_model_that_the_catalogue_lists_without_temperature_is_sent_none_nor_a_seed() -> None:
    with faulty_endpoint(says("hello")) as server:
        await ask(server, sampling=SAMPLING, takes_sampling=False)

    assert server.requests[0].body.keys().isdisjoint({"temperature", "top_p", "seed"})


async def test_max_tokens_takes_the_name_that_the_endpoint_asks_for() -> None:
    refusal = error(400, "'max_tokens' is not supported with this model. Use 'max_completion_tokens'.")

    with faulty_endpoint(refusal, says("hello")) as server:
        await ask(server, sampling=SAMPLING)

    assert server.requests[1].body["max_completion_tokens"] == 64
    assert "max_tokens" not in server.requests[1].body


async def test_an_endpoint_that_refuses_everything_ends() -> None:
    with (
        faulty_endpoint(error(400, "no stream_options max_tokens temperature top_p seed")) as server,
        pytest.raises(ModelRefused),
    ):
        await ask(server, sampling=SAMPLING)

    assert len(server.requests) == 6


async def test_the_price_comes_from_the_address_and_is_unknown_elsewhere() -> None:
    with faulty_endpoint(says("hello")) as server:
        url = SecretStr("https://api.openai.com/v1")
        sold = ChatModel(endpoint_of(server, url=url, model="gpt-4.1-mini", is_local=False))
        unknown = ChatModel(endpoint_of(server, model="gpt-4.1-mini"))
        free = ChatModel(endpoint_of(server, is_free=True))

    # OpenAI's price list for gpt-4.1-mini: $0.40 in, $1.60 out per million tokens.
    assert sold.price(1_000_000, 1_000_000) == Decimal("2.00")
    assert unknown.price(1000, 1000) is None
    assert free.price(1000, 1000) == 0


async def test_an_answer_without_a_price_has_no_cost_rather_than_none_at_all() -> None:
    with faulty_endpoint(says("hello")) as server:
        unknown = await ask(server)
        free = await ask(server, is_free=True)

    assert unknown.cost_usd is None
    assert free.cost_usd == 0


async def test_openais_organisation_is_not_told_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-planted")

    with faulty_endpoint(says("hello")) as server:
        await ask(server)

    assert "org-planted" not in server.requests[0].headers.values()


async def test_a_proxy_is_not_asked_for_what_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    with faulty_endpoint(says("hello")) as server:
        answer = await ask(server)

    assert answer.text == "hello"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("HTTP_PROXY", "foo://127.0.0.1:9"),
        ("HTTP_PROXY", "http://127.0.0.1:none"),
        ("SSL_CERT_FILE", "/nowhere/authority.pem"),
    ],
)
async def test_a_proxy_or_an_authority_that_cannot_be_used_makes_a_model_unavailable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with faulty_endpoint() as server, pytest.raises(ModelUnavailable, match="toy/toy can't be reached: "):
        await ask(server, is_local=False)


NAMES = ["choices", "usage", "model", "delta", "content", "refusal", "finish_reason", "prompt_tokens"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
SHAPES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "type", "text"]), inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(st.lists(SHAPES, max_size=5))
def test_chunks_of_any_shape_make_an_answer_or_a_fault_that_is_retried(chunks: list[object]) -> None:
    unfinished = Unfinished()

    text = "".join(unfinished.take(one) for one in chunks)

    try:
        assert unfinished.text() == text
    except Passing:
        assert unfinished.finish is None or not text


def test_an_answer_without_end_is_cut_off() -> None:
    unfinished = Unfinished()
    piece = {"choices": [{"delta": {"content": "x" * (MAX_ANSWER - 1)}}]}

    for _ in range(2):
        unfinished.take(piece)

    assert unfinished.too_long
    assert len(unfinished.text()) == MAX_ANSWER
    assert unfinished.finish == "length"


async def test_messages_of_every_role_are_sent_in_order() -> None:
    messages = [
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="Ünïcode ✓"),
        ChatMessage(role="assistant", content=""),
    ]

    with faulty_endpoint(says("hello")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            await model.answer(messages, sampling=Sampling())

    assert server.requests[0].body["messages"] == [message.model_dump() for message in messages]


async def test_halves_of_a_character_are_joined_and_one_alone_does_no_harm() -> None:
    function = {"name": "f", "arguments": '"\udc00"'}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    pieces = [
        chunk({"content": "a\ud83d"}),
        chunk({"content": "\ude00 \ud800!"}),
        chunk({"tool_calls": [call]}),
    ]
    with faulty_endpoint(streams(*pieces, chunk({}, finish="stop"), "[DONE]")) as server:
        answer = await ask(server)

    assert answer.text == "a\N{GRINNING FACE} \N{REPLACEMENT CHARACTER}!"
    assert answer.tool_calls[0].arguments == '"\N{REPLACEMENT CHARACTER}"'


@pytest.mark.parametrize(
    ("counts", "tokens"),
    [((100.0, 10.5), (100, 11)), ((float("nan"), 7), (0, 7)), ((True, 7), (0, 7)), ((-1.0, 7), (0, 7))],
)
def test_tokens_that_are_counted_in_floats_are_taken(
    counts: tuple[float, float], tokens: tuple[int, int]
) -> None:
    usage = usage_of(dict(zip(("prompt_tokens", "completion_tokens"), counts, strict=True)))

    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == tokens
