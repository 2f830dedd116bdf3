"""What a model wants back word for word: kept as it came, sent to that model alone, never in part."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.redact import Redactor
from coder.models.answer_parts import Opaque
from coder.models.chat_completions import ChatModel
from coder.models.model import Answer, ChatMessage, Form, Sampling, ToolSpec
from coder.models.recorder import Recorder
from coder.models.recording import read_recording
from coder.models.stream import Unfinished
from tests.coder.models.asking import QUESTION, QUICK, ask, endpoint_of
from tests.coder.models.test_chat_answers import LEAVES
from tests.faulty_endpoint import FaultyEndpoint, Reply, chunk, error, faulty_endpoint, says, streams

LOOK = ToolSpec(name="look", description="Look.", parameters={"type": "object", "properties": {}})
SIGNATURE = {"google": {"thought_signature": "c2ln/+bmVk=="}}
ENCRYPTED = "gAAAA-sk-" + "x" * 300
"""It holds what looks like a key, by chance."""
DETAILS = [
    {"type": "reasoning.text", "text": "Hm, lœk.", "signature": "c2ln", "format": "anthropic", "index": 0},
    {"type": "reasoning.encrypted", "data": ENCRYPTED, "id": "r1", "index": 1},
]


def called(*ids: str, **more: object) -> list[dict[str, Any]]:
    """Calls of the tool, as chat completions hold them."""
    function = {"name": "look", "arguments": "{}"}
    return [{"id": id, "type": "function", "function": function, **more} for id in ids]


def chat(*deltas: dict[str, Any]) -> Reply:
    """A stream of these deltas that ends with calls of tools."""
    return streams(*map(chunk, deltas), chunk({}, finish="tool_calls"), "[DONE]")


async def went_back(
    server: FaultyEndpoint,
    *,
    ids: Sequence[str] = ("a",),
    other: dict[str, object] | None = None,
    **of: object,
) -> Answer:
    """One answer, stored and sent back with the results of its calls; the second request is the server's."""
    form = Form(tools=(LOOK,))
    async with ChatModel(endpoint_of(server, **of), patience=QUICK) as model:
        first = await model.answer(QUESTION, sampling=Sampling(), form=form)
    stored = Answer.model_validate_json(first.model_dump_json())
    message = ChatMessage(
        role="assistant", content=stored.text, tool_calls=stored.tool_calls, opaque=stored.opaque
    )
    results = [ChatMessage(role="tool", content="seen", tool_call_id=id) for id in ids]
    async with ChatModel(endpoint_of(server, **(of | (other or {}))), patience=QUICK) as model:
        await model.answer([*QUESTION, message, *results], sampling=Sampling(), form=form)
    return first


async def test_reasoning_content_goes_back_with_its_calls() -> None:
    deltas = ({"reasoning_content": " Hm, "}, {"reasoning_content": "lœk.\n"}, {"tool_calls": called("a")})

    with faulty_endpoint(chat(*deltas), says("done")) as server:
        answer = await went_back(server)

    assert answer.reasoning == "Hm, lœk."
    assert server.requests[1].body["messages"][1] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": " Hm, lœk.\n",
        "tool_calls": called("a"),
    }


async def test_reasoning_content_without_a_call_stays_here() -> None:
    with faulty_endpoint(
        streams(chunk({"reasoning_content": "Hm."}), chunk({"content": "hi"}, finish="stop"))
    ) as server:
        assert (await ask(server)).opaque is None


async def test_what_is_no_json_is_not_kept() -> None:
    nan = {"reasoning_details": [{"type": "reasoning.text", "text": float("nan")}], "tool_calls": called("a")}

    with faulty_endpoint(chat(nan)) as server:
        assert (await ask(server)).opaque is None


async def test_reasoning_details_go_back_as_they_were_before_their_stream() -> None:
    first, second = DETAILS
    pieces = (
        {"reasoning_details": [{**first, "text": "Hm, ", "signature": None}]},
        {"reasoning_details": [{**first, "text": "lœk.", "signature": "c2ln"}]},
        {"reasoning_details": [second], "tool_calls": called("a")},
    )

    with faulty_endpoint(chat(*pieces), says("done")) as server:
        await went_back(server)

    sent = server.requests[1].body["messages"][1]
    assert json.dumps(sent["reasoning_details"]) == json.dumps(DETAILS)


async def test_a_signature_goes_back_on_the_call_that_it_came_with() -> None:
    (first,), (second,) = called("a", extra_content=SIGNATURE), called("b")
    calls = [{"index": 0, **first}, {"index": 1, **second}]

    with faulty_endpoint(chat({"tool_calls": calls}), says("done")) as server:
        await went_back(server, ids=("a", "b"))

    assert server.requests[1].body["messages"][1]["tool_calls"] == [first, second]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning_details"])
async def test_an_endpoint_that_refuses_what_it_sent_gets_it_no_more(name: str) -> None:
    value = "Hm." if name == "reasoning_content" else DETAILS
    refusal = error(400, f"messages.1.{name}: extra inputs are not permitted")

    with faulty_endpoint(chat({name: value, "tool_calls": called("a")}), refusal, says("done")) as server:
        await went_back(server)

    sent = [name in request.body["messages"][1] for request in server.requests[1:]]
    assert sent == [True, False]


PARTS = st.dictionaries(
    st.sampled_from(["reasoning_content", "reasoning_details", "tool_calls"]),
    LEAVES
    | st.lists(
        LEAVES
        | st.dictionaries(
            st.sampled_from(["index", "type", "text", "id", "extra_content"]), LEAVES | st.lists(LEAVES)
        ),
        max_size=3,
    ),
)


@pytest.mark.slow
@given(st.lists(PARTS, max_size=4))
def test_fields_of_any_shape_are_kept_or_not(parts: list[dict[str, object]]) -> None:
    unfinished = Unfinished()

    for part in parts:
        unfinished.take(chunk(part))
    opaque = unfinished.opaque("chat toy/toy")

    assert opaque is None or Opaque.model_validate_json(opaque.model_dump_json()) == opaque


async def test_half_a_character_goes_back_as_one_that_can_be_sent() -> None:
    pieces = [{"reasoning_content": piece} for piece in ("\ud83d", "\ude00", " \ud83d")]

    with faulty_endpoint(chat(*pieces, {"tool_calls": called("a")}), says("done")) as server:
        await went_back(server)

    assert server.requests[1].body["messages"][1]["reasoning_content"] == "😀 \ufffd"


RESPONSES = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ENCRYPTED, "status": None},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
    {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": ENCRYPTED[::-1]},
    {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "look", "arguments": "{}"},
    {"type": "reasoning", "id": "rs_3", "summary": []},
    {"type": "function_call", "id": "fc_2", "call_id": "b", "name": "look", "arguments": "{}"},
]


def response(*items: object) -> Reply:
    """A stream of the Responses API that is complete with these items."""
    return streams({"type": "response.completed", "response": {"model": "toy", "output": [*items]}})


async def test_encrypted_reasoning_goes_back_in_its_place() -> None:
    with faulty_endpoint(response(*RESPONSES), response(RESPONSES[1])) as server:
        await went_back(server, ids=("a", "b"), api="responses")

    first, second = (request.body for request in server.requests)
    kinds = [item.get("type", item.get("role")) for item in second["input"]]
    results = ["function_call_output"] * 2
    assert (first["store"], first["include"]) == (False, ["reasoning.encrypted_content"])
    assert kinds == [
        "user",
        "reasoning",
        "assistant",
        "reasoning",
        "function_call",
        "function_call",
        *results,
    ]
    assert [json.dumps(second["input"][at]) for at in (1, 3)] == [json.dumps(RESPONSES[at]) for at in (0, 2)]


async def test_a_model_without_reasoning_is_asked_for_none() -> None:
    unknown = error(400, "Encrypted content is not supported with this model.", param="include")

    with faulty_endpoint(unknown, response(RESPONSES[1])) as server:
        answer = await ask(server, api="responses")

    assert answer.text == "I look."
    assert "include" not in server.requests[1].body


@pytest.mark.parametrize("other", [{"name": "toy/other"}, {"name": "other/toy"}])
async def test_another_model_is_sent_nothing_of_it(other: dict[str, object]) -> None:
    call = called("a", extra_content=SIGNATURE)
    with faulty_endpoint(chat({"reasoning_content": "Hm.", "tool_calls": call}), says("done")) as server:
        await went_back(server, other=other)

    sent = server.requests[1].body["messages"][1]
    assert sent == {"role": "assistant", "content": "", "tool_calls": called("a")}


async def test_another_interface_of_the_same_model_is_sent_nothing_of_it() -> None:
    with faulty_endpoint(response(*RESPONSES), says("done")) as server:
        await went_back(server, ids=("a", "b"), api="responses", other={"api": "chat"})

    assert ENCRYPTED not in json.dumps(server.requests[1].body)


def kept(**fields: object) -> Opaque:
    """What an answer with these fields has kept."""
    return Opaque(source="chat toy/toy", items=((0, json.dumps(fields)),))


def test_what_quotes_a_secret_is_left_out_whole() -> None:
    redact = Redactor(['p"lanted\nsecret']).redact

    assert kept(reasoning_content='It is p"lanted\nsecret.').unless_secret(redact) is None
    assert kept(reasoning_details=[{"text": "Use sk-" + "a1" * 20}]).unless_secret(redact) is None


def test_what_only_looks_like_a_key_in_an_encrypted_text_stays() -> None:
    whole = kept(reasoning_details=DETAILS)

    assert Redactor().redact(ENCRYPTED) != ENCRYPTED
    assert whole.unless_secret(Redactor().redact) == whole


async def test_a_recording_keeps_it_or_nothing_of_it(tmp_path: Any) -> None:
    deltas = {"reasoning_content": "It is planted-secret.", "tool_calls": called("a")}
    redact = Redactor(["planted-secret"]).redact

    with faulty_endpoint(chat(deltas), chat({**deltas, "reasoning_content": "Hm."})) as server:
        async with Recorder(ChatModel(endpoint_of(server)), tmp_path / "r.jsonl", redact=redact) as model:
            for _ in range(2):
                await model.answer(QUESTION, sampling=Sampling())

    answers = [entry.answer for entry in read_recording(tmp_path / "r.jsonl")[1]]
    assert [answer.opaque is not None for answer in answers if answer] == [False, True]
    assert "planted-secret" not in (tmp_path / "r.jsonl").read_text()
