"""Alternatives: what is kept of how an answer could have begun, whatever an endpoint tells of it."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.answer_parts import Alternative
from coder.models.logprobs import MAX_ALTERNATIVES, Hesitations
from coder.models.model import Answer, Sampling
from tests.coder.models.asking import KEY, ask
from tests.faulty_endpoint import error, faulty_endpoint, says, streams

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "token", "logprob", "top_logprobs", "bytes"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
TOKENS = st.lists(
    st.tuples(
        st.text("ab \n", min_size=1, max_size=3),
        st.floats(-20, 0),
        st.lists(st.tuples(st.text("ab \n", max_size=3), st.floats(-20, 0)), max_size=4),
    ),
    max_size=8,
)


def token(text: str, probability: float, **others: float) -> dict[str, object]:
    """What an endpoint tells of one token."""
    beside = [{"token": other, "logprob": log(likely)} for other, likely in others.items()]
    return {"token": text, "logprob": log(probability), "top_logprobs": beside}


def told(*tokens: dict[str, object]) -> Hesitations:
    hesitations = Hesitations()
    hesitations.take({"content": list(tokens)})
    return hesitations


def test_a_beginning_is_the_text_before_and_another_token_by_the_probability_of_both() -> None:
    hesitations = told(token("a", 0.5, a=0.5, x=0.25), token("b", 0.9, y=0.1), token("c", 0.2, z=0.8))

    best = hesitations.alternatives("abc")

    assert [one.text for one in best] == ["abz", "x", "ay"]
    assert abs(best[0].logprob - log(0.5 * 0.9 * 0.8)) < 1e-9


def test_what_stands_behind_the_end_of_an_answer_is_no_beginning_of_it() -> None:
    hesitations = told(token("a", 1, x=0.5), token("\ndef ", 1, y=0.5), token("more", 1, z=0.5))

    assert [one.text for one in hesitations.alternatives("a")] == ["x"]


def test_the_end_of_an_answer_half_a_character_and_blanks_alone_are_no_beginnings() -> None:
    hesitations = told(token("a", 1, **{"<|im_end|>": 0.5, "\ufffd": 0.4, "  ": 0.3, "": 0.2, "b": 0.1}))

    assert [one.text for one in hesitations.alternatives("a")] == ["b"]


@pytest.mark.slow
@given(st.lists(JSON, max_size=4), st.text(max_size=6))
def test_whatever_an_endpoint_tells_is_taken_or_left(documents: list[object], text: str) -> None:
    hesitations = Hesitations()
    for document in documents:
        hesitations.take(document)

    assert all(not text.startswith(one.text) for one in hesitations.alternatives(text))


@pytest.mark.slow
@given(TOKENS)
def test_the_likeliest_come_first_and_none_is_what_was_said(
    tokens: list[tuple[str, float, list[tuple[str, float]]]],
) -> None:
    hesitations = told(
        *(
            {
                "token": text,
                "logprob": own,
                "top_logprobs": [{"token": other, "logprob": likely} for other, likely in others],
            }
            for text, own, others in tokens
        )
    )
    answer = "".join(text for text, _, _ in tokens)

    best = hesitations.alternatives(answer)

    assert len(best) <= MAX_ALTERNATIVES
    assert [one.logprob for one in best] == sorted((one.logprob for one in best), reverse=True)
    assert all(one.logprob <= 0 and not answer.startswith(one.text) for one in best)


async def test_an_endpoint_is_asked_only_where_they_are_wanted_and_its_answer_has_them() -> None:
    words = [
        {"choices": [{"delta": {"content": "hel"}, "logprobs": {"content": [token("hel", 0.5, ye=0.4)]}}]},
        {"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}]},
    ]

    with faulty_endpoint(streams(*words, "[DONE]"), says("hello")) as server:
        answer = await ask(server, sampling=Sampling(alternatives=3))
        await ask(server)

    assert (server.requests[0].body["logprobs"], server.requests[0].body["top_logprobs"]) == (True, 3)
    assert answer.alternatives == (Alternative(text="ye", logprob=log(0.4)),)
    assert "logprobs" not in server.requests[1].body


async def test_an_endpoint_that_refuses_to_tell_is_asked_without() -> None:
    refusal = error(400, "top_logprobs is not supported by this model")
    other = error(400, "logprobs is not supported by this model")

    with faulty_endpoint(refusal, other, says("hello")) as server:
        answer = await ask(server, sampling=Sampling(alternatives=3))

    assert (answer.text, answer.alternatives) == ("hello", ())
    assert not {"logprobs", "top_logprobs"} & set(server.requests[2].body)


async def test_no_beginning_ends_in_the_middle_of_the_endpoints_key() -> None:
    half = len(KEY) // 2
    tokens = [token("use ", 0.9, try_=0.1), token(KEY[:half], 0.5, it=0.4), token(KEY[half:], 0.5, me=0.4)]
    choice = {"delta": {"content": f"use {KEY}"}, "logprobs": {"content": tokens}, "finish_reason": "stop"}

    with faulty_endpoint(streams({"choices": [choice]}, "[DONE]")) as server:
        answer = await ask(server, sampling=Sampling(alternatives=3))

    assert [one.text for one in answer.alternatives] == ["use it", "try_"]


def test_a_recording_of_before_has_the_same_json() -> None:
    assert "alternatives" not in Sampling().model_dump()
    assert "alternatives" not in Answer(text="a", model="b").model_dump()
