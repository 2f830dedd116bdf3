"""Calls of an answer: one rule each, and what holds for any answer."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.model import ToolCall
from coder.tools.protocol import MAX_CALLS, settled

KNOWN = ("bash", "edit", "done", "ask")
LS = '{"command": "ls"}'


def call(name: str = "bash", arguments: str = LS, id: str = "c1") -> ToolCall:
    return ToolCall(id=id, name=name, arguments=arguments)


def problems(*calls: ToolCall, cut_off: bool = False) -> list[str]:
    return [one.problem for one in settled(calls, KNOWN, cut_off=cut_off)]


def test_a_good_call_stays_as_it_is() -> None:
    (one,) = settled([call()], KNOWN, cut_off=False)

    assert (one.call, one.problem) == (call(), "")


def test_an_id_that_is_missing_is_made_of_nine_letters_and_digits() -> None:
    (one,) = settled([call(id=" ")], KNOWN, cut_off=False)

    assert re.fullmatch(r"[A-Za-z0-9]{9}", one.call.id)


def test_an_id_that_is_there_twice_is_made_anew_the_second_time() -> None:
    first, second = settled([call(), call()], KNOWN, cut_off=False)

    assert first.call.id == "c1"
    assert re.fullmatch(r"[A-Za-z0-9]{9}", second.call.id)


def test_an_id_of_an_earlier_answer_is_made_anew() -> None:
    (one,) = settled([call()], KNOWN, cut_off=False, earlier_ids=("c1",))

    assert one.call.id != "c1"


def test_the_same_answer_gives_the_same_ids() -> None:
    calls = [call(id=""), call(id=""), call(id="")]

    assert settled(calls, KNOWN, cut_off=False) == settled(calls, KNOWN, cut_off=False)


def test_an_unknown_name_is_told_with_those_that_exist() -> None:
    assert problems(call("look")) == ["There is no tool 'look'. There are: bash, edit, done, ask."]


def test_a_name_that_no_endpoint_takes_is_made_fit_for_the_history() -> None:
    (one,) = settled([call("look up!")], KNOWN, cut_off=False)

    assert one.call.name == "look_up_"


def test_the_namespace_of_functions_is_no_part_of_a_name() -> None:
    assert problems(call("functions.bash")) == [""]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"command": "ls', "no JSON object: Unterminated string"),
        ('{"command": "ls"} x', "no JSON object: Extra data: line 1 column 19"),
        ("[1]", "no JSON object: [1]"),
        ('"ls"', "no JSON object: Expecting value"),
        ('{"timeout_s": NaN}', "NaN is no number"),
        ("[" * 100_000, "recursion"),
        ('{"command": "\\ud83d"}', "surrogates not allowed"),
    ],
)
def test_arguments_that_cannot_be_read_are_told_and_parse_in_the_history(arguments: str, said: str) -> None:
    (one,) = settled([call(arguments=arguments)], KNOWN, cut_off=False)

    assert one.call.arguments == "{}"
    assert said in one.problem


@pytest.mark.parametrize(
    ("arguments", "held"),
    [
        ("", {}),
        ("null", {}),
        ('""', {}),
        (json.dumps(LS), {"command": "ls"}),
        (json.dumps(json.dumps(LS)), {"command": "ls"}),
        ('{"command": "a\nb"}', {"command": "a\nb"}),
    ],
)
def test_arguments_that_can_mean_only_one_thing_are_taken(arguments: str, held: object) -> None:
    (one,) = settled([call(arguments=arguments)], KNOWN, cut_off=False)

    assert (json.loads(one.call.arguments), one.problem) == (held, "")


@pytest.mark.parametrize("arguments", ["", '{"command": "ls'])
def test_the_last_call_of_an_answer_that_was_cut_off_is_not_carried_out(arguments: str) -> None:
    first, last = problems(call(), call(arguments=arguments, id="c2"), cut_off=True)

    assert first == ""
    assert "cut off at its length limit" in last


def test_calls_decide_and_not_the_reason_for_which_an_answer_ended() -> None:
    assert problems(call(), cut_off=True) == [""]


def test_more_than_so_many_calls_are_answered_and_not_carried_out() -> None:
    messages = problems(*(call(id=f"c{i}") for i in range(MAX_CALLS + 2)))

    assert messages[:MAX_CALLS] == [""] * MAX_CALLS
    assert all("may hold 20 calls" in problem for problem in messages[MAX_CALLS:])


@pytest.mark.parametrize("name", ["done", "ask"])
def test_what_stands_behind_done_or_ask_is_not_carried_out(name: str) -> None:
    assert problems(call(), call(name, "{}", "c2"), call(id="c3")) == [
        "",
        "",
        f"Not carried out: it stands behind {name}.",
    ]


def test_a_done_that_is_not_carried_out_ends_nothing() -> None:
    assert problems(call("done", "{", "c1"), call(id="c2"))[1] == ""


texts = st.one_of(
    st.text(), st.sampled_from(["", "c1", "bash", "done", LS, json.dumps(LS), '{"a": ', "null"])
)


@pytest.mark.slow
@given(
    st.lists(st.builds(ToolCall, id=texts, name=texts, arguments=texts), max_size=25),
    st.booleans(),
    st.sets(texts),
)
def test_each_call_of_any_answer_can_stand_in_a_history(
    calls: list[ToolCall], cut_off: bool, taken: set[str]
) -> None:
    settled_calls = settled(calls, KNOWN, cut_off=cut_off, earlier_ids=taken)

    ids = [one.call.id for one in settled_calls]
    assert len(settled_calls) == len(calls)
    assert all(ids)
    assert len({*ids} - taken) == len(calls)
    assert all(isinstance(json.loads(one.call.arguments), dict) for one in settled_calls)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one.call.name) for one in settled_calls)


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.text()), st.integers(0, 2))
def test_arguments_are_the_same_however_often_they_were_put_into_a_json_text(
    held: dict[str, str], times: int
) -> None:
    arguments = json.dumps(held)
    for _ in range(times):
        arguments = json.dumps(arguments)

    (one,) = settled([call(arguments=arguments)], KNOWN, cut_off=False)

    assert (one.call.parsed(), one.problem) == (held, "")
