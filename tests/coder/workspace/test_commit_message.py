"""Subjects of commits."""

import pytest

from coder.run.message import AnswerChanges, CodeMessage
from coder.run.state import State
from coder.workspace.commit_message import commit_message, subject_of
from tests.coder.states import started, state_of

BEGUN = state_of([started()])


def ended_with(words: str) -> State:
    """The state after an answer that the model ended with these words."""
    code = CodeMessage(author="coder", text=words, changes=AnswerChanges(files={"calc.py": "x = 1\n"}))
    return BEGUN.with_messages((code,))


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("Round half up, e.g. 0.5 to 1. The tests expect it.", "Round half up, e.g. 0.5 to 1"),
        ("- `add` sums again.\n- The docs say so.", "`add` sums again"),
        ("Done.", "Change calc.py and its tests"),
        ("What I changed in it:\n- the sign", "Change calc.py and its tests"),
        ("", "Change calc.py and its tests"),
        ("Here is the file.\ncalc.py\n```\nx = 1\n```", "Change calc.py and its tests"),
    ],
)
def test_a_subject_is_the_first_sentence_of_the_summary_or_else_names_the_files(
    words: str, subject: str
) -> None:
    assert subject_of(ended_with(words), ["calc.py", "tests/test_calc.py"]) == subject


def test_a_subject_that_names_many_files_counts_them() -> None:
    few, long = ["a.py", "b.py", "c.py", "tests/test_a.py"], [f"{'folder/' * 6}{name}.py" for name in "ab"]

    assert subject_of(ended_with("Done."), few) == "Change a.py, b.py and 1 more and their tests"
    assert subject_of(ended_with("Done."), long, verb="Add") == "Add 2 files"
    assert subject_of(ended_with("Done."), ["tests/test_a.py"]) == "Change tests/test_a.py"


def test_the_body_holds_what_the_summary_says_beyond_the_subject_and_then_the_task() -> None:
    message = commit_message(ended_with("Add both of them. The test expects 5."), {})

    assert message.startswith(
        "Add both of them\n\nThe test expects 5.\n\nTask: add two numbers\n\nWritten by "
    )
