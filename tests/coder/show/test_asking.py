"""How a question stands on a terminal: whole, above the place to type."""

import pytest

from coder.platform.mcp_server.client import form_of
from coder.run.questions import Question
from coder.show.asking import prompt_of, question_lines, typed_answer


def question(text: str, **more: object) -> Question:
    return Question.model_validate({"kind": "approve", "about": "tools", "text": text, **more})


def test_a_short_question_stands_before_the_place_to_type() -> None:
    short_question = question("Change a.py?")

    assert question_lines(short_question) == []
    assert prompt_of(short_question) == "Change a.py? [y]es, [N]o: "


@pytest.mark.parametrize("text", ["Call sql\n    query: SELECT 1; DROP TABLE users", "x" * 900 + " rm -rf ~"])
def test_a_longer_one_stands_above_it_to_its_last_word(text: str) -> None:
    long_question = question(text, options=("yes", "always", "no"))

    assert "".join(question_lines(long_question)).endswith(text[-20:])
    assert prompt_of(long_question) == "Allow this? [y]es, [a]lways, [N]o: "


def test_a_form_that_does_not_hold_all_of_a_question_offers_no_yes() -> None:
    whole, cut = question("Land it?", patch="+a\n" * 1_000), question("Land it?", patch="+a\n" * 9_000)

    assert form_of(whole).requested_schema["properties"]["decision"]["enum"] == ["yes", "no"]
    assert form_of(cut).requested_schema["properties"]["decision"]["enum"] == ["no"]
    assert "more characters: answer in the terminal" in form_of(cut).message


def test_words_at_the_question_about_a_change_say_what_should_be_different() -> None:
    landing_question = question("Change a.py?", about="landing")

    answers = [typed_answer(landing_question, typed) for typed in ("Y", "n", "q", "", "use a set")]

    assert prompt_of(landing_question) == "Change a.py? [y]es, [N]o, or say what should be different: "
    assert [(one.decision, one.words) for one in answers] == [
        ("yes", ""),
        ("no", ""),
        ("no", ""),
        ("no", ""),
        ("no", "use a set"),
    ]
