"""Answers by a schema: how a value gets into a message and back, and where its schema stands."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from coder.run.answer import answer_text, find_answer, find_problem, nested_schema, split_answer
from coder.run.task import Task

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(value=JSON, summary=st.text())
def test_a_value_survives_its_message_whatever_the_summary_says(value: Any, summary: str) -> None:
    answer_value, rest = split_answer(answer_text(value, summary))

    assert answer_value == value
    assert rest.strip() == summary.strip() or "```" in summary


@given(text=st.text())
def test_any_text_either_holds_a_value_or_raises_a_value_error(text: str) -> None:
    try:
        value, _ = split_answer(text)
    except ValueError:
        return
    json.dumps(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False},
        {"$defs": {"n": {"type": "integer"}}, "type": "array", "items": {"$ref": "#/$defs/n"}},
    ],
)
@pytest.mark.parametrize("value", [{}, {"next": {"next": {}}}, {"next": {"other": 1}}, [1, 2], [1, "2"], 3])
def test_a_schema_means_the_same_as_a_property(schema: dict[str, Any], value: object) -> None:
    outer = {"type": "object", "properties": {"answer": nested_schema(schema, "answer")}}

    is_valid = Draft202012Validator(outer).is_valid({"answer": value})

    assert is_valid == Draft202012Validator(schema).is_valid(value)
    assert is_valid == (not find_problem(schema, value))


def test_a_reference_to_a_missing_part_is_a_problem_and_no_traceback() -> None:
    assert "can't be used" in find_problem({"$ref": "#/$defs/none"}, 1)
    assert find_answer({"type": "integer"}, "1e999")[1]
    assert find_answer({"type": "integer"}, "[" * 100_000)[1]


def test_a_task_refuses_what_is_no_schema() -> None:
    with pytest.raises(ValueError, match="no JSON Schema"):
        Task(prompt="List them.", answer_schema={"type": "thing"})
