"""Answers other than text: calls of tools, reasoning, pictures, JSON; also by the Responses API."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import ContextTooLong, ModelError, ModelUnavailable, RateLimited
from coder.models.answer_parts import Image
from coder.models.chat_completions import ChatModel
from coder.models.connection import StatusError
from coder.models.endpoint import Patience
from coder.models.model import ChatMessage, Form, Sampling, ToolCall, ToolSpec
from coder.models.responses import take_event
from coder.models.retries import Passing
from coder.models.stream import MAX_ANSWER, Unfinished
from tests.coder.models.asking import KEY, QUESTION, QUICK, ask, endpoint_of
from tests.coder.models.test_chat_answers import LEAVES
from tests.faulty_endpoint import Reply, chunk, completion, error, faulty_endpoint, says, status, streams

ADD = ToolSpec(
    name="add",
    description="Add two integers.",
    parameters={"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
)
END = chunk({}, finish="tool_calls")


def called(index: int, **function: str) -> dict[str, object]:
    """A piece of a call of a tool."""
    id = {"id": f"c{index}"} if "name" in function else {}
    return chunk({"tool_calls": [{"index": index, "type": "function", "function": function, **id}]})


async def test_a_call_of_a_tool_is_put_together_from_its_pieces() -> None:
    pieces = (called(0, name="add", arguments='{"a"'), called(1, name="sub"), called(0, arguments=": 1}"))

    with faulty_endpoint(streams(*pieces, called(1, arguments="{}"), END, "[DONE]")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            answer = await model.answer(QUESTION, sampling=Sampling(), form=Form(tools=(ADD,)))

    assert answer.tool_calls == (
        ToolCall(id="c0", name="add", arguments='{"a": 1}'),
        ToolCall(id="c1", name="sub", arguments="{}"),
    )
    assert answer.tool_calls[0].parsed() == {"a": 1}
    assert server.requests[0].body["tools"][0]["function"]["name"] == "add"


@pytest.mark.parametrize("later_id", ["", None, "c1"], ids=["lmdeploy", "ollama", "sglang"])
def test_calls_that_an_endpoint_gives_the_same_index_are_told_by_their_ids(later_id: str | None) -> None:
    """As Ollama (ollama#15457), Gemini and lmdeploy send several calls of one answer."""
    answer = Unfinished()
    first = {"index": 0, "id": "c0", "function": {"name": "add", "arguments": '{"a": 1}'}}
    second = {
        "index": 0,
        "id": "c1",
        "function": {"name": "add", "arguments": '{"a"'},
        "extra_content": {"s": 1},
    }
    rest = {"index": 0, "id": later_id, "function": {"arguments": ": 2}"}}

    for call in (first, second, rest):
        answer.take(chunk({"tool_calls": [call]}))

    assert [(call.id, call.arguments) for call in answer.tool_calls()] == [
        ("c0", '{"a": 1}'),
        ("c1", '{"a": 2}'),
    ]
    assert (kept := answer.opaque("toy")) is not None
    assert kept.items == ((2, '{"extra_content": {"s": 1}}'),)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_arguments_that_are_an_object_count_like_its_json(api: str) -> None:
    """As some servers and proxies of Ollama's own API send them."""
    arguments: dict[str, object] = {"a": 1, "text": "ä"}
    function = {"name": "add", "arguments": arguments}
    answer = Unfinished()

    if api == "chat":
        answer.take(chunk({"tool_calls": [{"index": 0, "id": "c0", "function": function}]}))
    else:
        item = {"type": "function_call", "call_id": "c0", **function}
        take_event(answer, {"type": "response.completed", "response": {"output": [item]}})

    assert [(call.name, call.parsed()) for call in answer.tool_calls()] == [("add", arguments)]


def test_a_call_whose_id_changes_with_each_piece_stays_one() -> None:
    """As servers do that draw an id for each piece; the name stands in the first one alone."""
    answer = Unfinished()

    answer.take(
        chunk({"tool_calls": [{"index": 0, "id": "x1", "function": {"name": "add", "arguments": "{"}}]})
    )
    answer.take(
        chunk({"tool_calls": [{"index": 0, "id": "x2", "function": {"name": None, "arguments": "}"}}]})
    )

    assert [(call.id, call.arguments) for call in answer.tool_calls()] == [("x1", "{}")]


def test_an_end_that_comes_with_the_last_words_costs_none_of_them() -> None:
    """As vLLM sends it: the reason in the chunk with the last piece, tokens behind it, and ids as null."""
    answer = Unfinished()
    call = {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": "}"}}

    answer.take(chunk({"tool_calls": [{**call, "id": "c", "function": {"name": "add", "arguments": "{"}}]}))
    answer.take(
        {"choices": [{"delta": {"content": "", "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    )
    answer.take({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})

    assert [(call.id, call.arguments) for call in answer.tool_calls()] == [("c", "{}")]
    assert answer.usage is not None
    assert (answer.finish, answer.usage.output_tokens) == ("other", 4)


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "5", "nonsense", "[" * 100_000])
def test_broken_arguments_are_said_in_words_for_the_model(arguments: str) -> None:
    call = ToolCall(id="c", name="add", arguments=arguments)

    with pytest.raises(ValueError, match="The arguments of add"):
        call.parsed()


async def test_what_a_tool_gave_is_sent_back_with_its_call() -> None:
    call = ToolCall(id="c0", name="add", arguments='{"a": 1}')
    messages = [
        *QUESTION,
        ChatMessage(role="assistant", content="", tool_calls=(call,)),
        ChatMessage(role="tool", content="2", tool_call_id="c0"),
    ]

    with faulty_endpoint(says("two")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            await model.answer(messages, sampling=Sampling(), form=Form(tools=(ADD,)))

    function = {"name": "add", "arguments": '{"a": 1}'}
    assert server.requests[0].body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c0", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "2", "tool_call_id": "c0"},
    ]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_in_a_field_of_its_own_is_kept_apart(field: str) -> None:
    events = (chunk({field: "hm, "}), chunk({field: "yes"}), chunk({"content": "hello"}))

    with faulty_endpoint(streams(*events, chunk({}, finish="stop"), "[DONE]")) as server:
        answer = await ask(server)

    assert (answer.text, answer.reasoning) == ("hello", "hm, yes")


@pytest.mark.parametrize(
    "pieces",
    [
        ["<think>hm, yes</think>\n\nhello"],
        ["<think>", "hm, ", "yes", "</think>", "\nhello"],
        ["\n<think>\nhm, ", "yes</", "think", ">hello"],
    ],
)
async def test_thoughts_in_front_of_an_answer_are_no_part_of_it(pieces: list[str]) -> None:
    tokens: list[str] = []

    with faulty_endpoint(says(*pieces)) as server:
        answer = await ask(server, tokens=tokens)

    assert (answer.text, answer.reasoning) == ("hello", "hm, yes")
    assert "".join(tokens) == "hello"


async def test_a_tag_of_thoughts_inside_an_answer_is_text() -> None:
    with faulty_endpoint(says("Write `<think>`", " or not</think>.")) as server:
        answer = await ask(server)

    assert answer.text == "Write `<think>` or not</think>."
    assert answer.reasoning == ""


async def test_a_picture_is_sent_beside_the_words() -> None:
    picture_message = ChatMessage(
        role="user", content="What is it?", images=(Image(media_type="image/png", base64="aGk="),)
    )

    with faulty_endpoint(says("a cat")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            await model.answer([picture_message], sampling=Sampling())

    assert server.requests[0].body["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    ]


PDF = Image(media_type="application/pdf", base64="aGk=", name="spec.pdf")
PDF_URL = "data:application/pdf;base64,aGk="


async def test_a_pdf_is_sent_as_a_file_with_its_name() -> None:
    with faulty_endpoint(says("a manual")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            await model.answer(
                [ChatMessage(role="user", content="What is it?", images=(PDF,))], sampling=Sampling()
            )

    assert server.requests[0].body["messages"][0]["content"][1] == {
        "type": "file",
        "file": {"filename": "spec.pdf", "file_data": PDF_URL},
    }


@pytest.mark.parametrize(("reads_pdf", "count"), [(True, 1), (None, 1), (False, 0)])
async def test_a_pdf_stays_out_of_a_request_to_a_model_that_is_known_to_read_none(
    reads_pdf: bool | None, count: int
) -> None:
    talk = [ChatMessage(role="user", content="What is it?", images=(PDF,))]
    with faulty_endpoint(says("a manual")) as server:
        async with ChatModel(endpoint_of(server, reads_pdf=reads_pdf)) as model:
            await model.answer(talk, sampling=Sampling())

    assert str(server.requests[0].body).count(PDF_URL) == count


CALL = {"type": "function_call", "call_id": "c0", "name": "add", "arguments": "{}"}
COUNTED = {
    "input_tokens": 9,
    "output_tokens": 4,
    "total_tokens": 13,
    "input_tokens_details": {"cached_tokens": 8},
    "output_tokens_details": {"reasoning_tokens": 2},
}


def response(*output: object, reason: str | None = None) -> dict[str, object]:
    """A response as OpenAI words it."""
    details = {"reason": reason} if reason else None
    shape = "incomplete" if reason else "completed"
    fixed = {"id": "r", "object": "response", "created_at": 1, "model": "toy", "status": shape}
    return {**fixed, "output": list(output), "usage": COUNTED, "incomplete_details": details}


def message(text: str) -> dict[str, object]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}


def responds(*texts: str, reason: str | None = None) -> Reply:
    """A stream of the Responses API with these pieces of text."""
    deltas = [{"type": "response.output_text.delta", "delta": text, "item_id": "m"} for text in texts]
    thought = {"type": "response.reasoning_summary_text.delta", "delta": "hm", "item_id": "r"}
    kind = "response.incomplete" if reason else "response.completed"
    whole = response(message("".join(texts)), CALL, reason=reason)
    return streams(thought, *deltas, {"type": kind, "response": whole})


async def test_the_responses_api_gives_the_same_kind_of_answer() -> None:
    tokens: list[str] = []

    with faulty_endpoint(responds("hel", "lo")) as server:
        answer = await ask(server, api="responses", tokens=tokens, key=None)

    assert (answer.text, answer.reasoning, answer.finish) == ("hello", "hm", "stop")
    assert tokens == ["hel", "lo"]
    assert answer.tool_calls == (ToolCall(id="c0", name="add", arguments="{}"),)
    usage = answer.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == (
        9,
        8,
        4,
        2,
    )
    sent = server.requests[0]
    assert sent.path.endswith("/responses")
    assert sent.body["input"] == [{"role": "user", "content": [{"type": "input_text", "text": "Say hello."}]}]
    assert sent.body["store"] is False


async def test_a_response_that_was_not_streamed_counts() -> None:
    with faulty_endpoint(status(200, response(message("hello"), CALL))) as server:
        answer = await ask(server, api="responses")

    assert (answer.text, len(answer.tool_calls)) == ("hello", 1)


@pytest.mark.parametrize(
    ("reason", "finish"), [("max_output_tokens", "length"), ("content_filter", "refusal"), ("else", "other")]
)
async def test_a_response_that_is_incomplete_says_why(reason: str, finish: str) -> None:
    with faulty_endpoint(responds("hel", reason=reason)) as server:
        answer = await ask(server, api="responses")

    assert (answer.text, answer.finish) == ("hel", finish)


async def test_a_response_that_failed_is_asked_for_again() -> None:
    failed = {"type": "response.failed", "response": {"error": {"message": "worker died"}}}

    with faulty_endpoint(streams(failed), responds("hello")) as server:
        answer = await ask(server, api="responses")

    assert answer.text == "hello"


async def test_a_response_that_failed_as_the_conversation_is_too_long_says_so() -> None:
    words = {"code": "context_length_exceeded", "message": f"too long for {KEY}"}
    failed = {"type": "response.failed", "response": {"error": words}}

    with faulty_endpoint(streams(failed)) as server, pytest.raises(ContextTooLong) as ended:
        await ask(server, api="responses")

    assert "too long for" in str(ended.value)
    assert KEY not in str(ended.value)


async def test_a_model_that_answers_only_by_responses_is_asked_there_from_then_on() -> None:
    refusal = error(404, "This model is only supported in v1/responses and not in v1/chat/completions.")

    with faulty_endpoint(refusal, responds("hello")) as server:
        async with ChatModel(endpoint_of(server)) as model:
            for _ in range(2):
                answer = await model.answer(QUESTION, sampling=Sampling())

    assert answer.text == "hello"
    assert [request.path.rpartition("/")[2] for request in server.requests] == [
        "completions",
        "responses",
        "responses",
    ]


KINDS = st.sampled_from(
    [
        "response.output_text.delta",
        "response.refusal.delta",
        "response.reasoning_text.delta",
        "response.completed",
        "response.failed",
        "error",
        "other",
    ]
)
FIELDS = st.sampled_from(
    ["output", "content", "type", "text", "name", "usage", "message", "error", "incomplete_details", "reason"]
)
VALUES = st.recursive(
    LEAVES | st.just("function_call"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.builds(
    lambda kind, delta, whole: {"type": kind, "delta": delta, "response": whole}, KINDS, LEAVES, VALUES
)


@pytest.mark.slow
@given(st.lists(EVENTS | VALUES, max_size=5))
def test_events_of_any_shape_make_an_answer_or_a_fault_that_is_retried(events: list[object]) -> None:
    unfinished = Unfinished()

    try:
        text = "".join(take_event(unfinished, event) for event in events)
        assert unfinished.text() == text
    except (Passing, StatusError):
        return


TOO_LONG = [
    error(400, "?", code="context_length_exceeded"),
    error(400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens"),
    error(400, "prompt is too long: 210000 tokens > 200000 maximum"),
    error(400, "the request exceeds the available context size, try increasing it"),
    error(400, "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."),
    error(422, "Please reduce the length of the messages"),
    error(413, "Request too large: too many tokens"),
]


TOO_LONG_IN_STREAMS = [
    streams({"error": {"code": 400, "message": "request (9000 tokens) exceeds the available context size"}}),
    streams(chunk({"content": ""}), {"error": {"code": "context_length_exceeded", "message": "?"}}),
]


@pytest.mark.parametrize("refusal", [*TOO_LONG, *TOO_LONG_IN_STREAMS])
async def test_a_conversation_that_is_too_long_is_told_from_other_refusals(refusal: Reply) -> None:
    with faulty_endpoint(refusal) as server, pytest.raises(ContextTooLong, match="so long a conversation"):
        await ask(server)

    assert len(server.requests) == 1


async def test_a_request_larger_than_the_tokens_of_a_minute_is_repeated_and_then_too_long() -> None:
    too_many = error(413, "Request too large: tokens per minute", code="rate_limit_exceeded")
    with faulty_endpoint(too_many, says("hello")) as server:
        answer = await ask(server)
    with faulty_endpoint(too_many) as server, pytest.raises(ContextTooLong, match="so long a conversation"):
        await ask(server)

    assert answer.text == "hello"


async def test_a_limit_that_stays_is_told_from_an_outage() -> None:
    with faulty_endpoint(error(429, "slow down")) as server, pytest.raises(RateLimited):
        await ask(server)


@pytest.mark.slow
async def test_an_answer_that_never_ends_ends_at_the_deadline_over_all() -> None:
    endless = streams(*(chunk({"content": "x"}) for _ in range(500)), pause_s=0.02)
    patience = Patience(first_wait_s=0, whole_s=1)

    with (
        faulty_endpoint(endless) as server,
        pytest.raises(ModelUnavailable, match=r"still answering after 1 s"),
    ):
        await ask(server, patience=patience)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text/event-stream", "text/html"])
@pytest.mark.parametrize("code", [200, 500])
async def test_a_flood_is_cut_off(kind: str, code: int) -> None:
    head = f"HTTP/1.1 {code} OK\r\ncontent-type: {kind}\r\n\r\n".encode()
    flood = Reply((head, *(b"x" * (1 << 20) for _ in range(80))))

    with faulty_endpoint(flood) as server, pytest.raises(ModelError, match="more than anyone could use"):
        await ask(server)

    assert len(server.requests) == 1


@pytest.mark.slow
async def test_an_answer_of_20_mb_is_cut_at_its_limit() -> None:
    with faulty_endpoint(status(200, completion("x" * 20_000_000))) as server:
        answer = await ask(server, patience=QUICK)

    assert (len(answer.text), answer.finish) == (MAX_ANSWER, "length")


def test_a_message_without_anything_new_is_written_as_before() -> None:
    # Recordings are found by the SHA-256 of this JSON.
    plain = ChatMessage(role="user", content="hi")

    assert plain.model_dump_json() == '{"role":"user","content":"hi"}'
    assert json.loads(ChatMessage(role="tool", content="", tool_call_id="c").model_dump_json()) == {
        "role": "tool",
        "content": "",
        "tool_call_id": "c",
    }
