"""A model's question that wants words is a form of the client, if it has forms."""

from pathlib import Path

import pytest
from acp.schema import ClientCapabilities, ElicitationCapabilities, ElicitationFormCapabilities

from coder.people.acp.elicitation import answer_in, form_of
from coder.run.questions import Question
from tests.coder.people.acp.editor import Editor, spawned
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, says

FORMS = ClientCapabilities(elicitation=ElicitationCapabilities(form=ElicitationFormCapabilities()))
ASKS = calls("ask", question="Which name?")
CHOICE = calls("ask", question="Which?", options=["left", "right"])


async def work(
    console: Console, endpoint: FaultyEndpoint, editor: Editor, project: Path, *, has_forms: bool = True
) -> str:
    """Have a model ask in a session; return why its work has stopped."""
    async with spawned(console, endpoint, editor, capabilities=FORMS if has_forms else None):
        return await editor.say(await editor.open(project), "Rename add.")


def heard(endpoint: FaultyEndpoint) -> str:
    """What the model was sent last."""
    return str(endpoint.requests[-1].body["messages"][-1])


@pytest.mark.slow
async def test_a_question_is_answered_in_words(console: Console, project: Path) -> None:
    editor = Editor()
    editor.entries = [{"answer": "plus, please"}]
    with faulty_endpoint(ASKS, says("Done.")) as endpoint:
        reason = await work(console, endpoint, editor, project)

    ((message, mode),) = editor.forms
    assert (reason, message, mode.requested_schema.required) == ("end_turn", "Which name?", ["answer"])
    assert "plus, please" in heard(endpoint)
    assert editor.questions == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "expected"), [({"choice": "right"}, "right"), ({"choice": "left", "answer": "up"}, "up")]
)
async def test_one_of_the_options_is_chosen_or_something_else_is_said(
    console: Console, project: Path, entry: dict[str, object], expected: str
) -> None:
    editor = Editor()
    editor.entries = [entry]
    with faulty_endpoint(CHOICE, says("Done.")) as endpoint:
        await work(console, endpoint, editor, project)

    ((_, mode),) = editor.forms
    assert mode.requested_schema.properties["choice"].enum == ["left", "right"]
    assert expected in heard(endpoint)


@pytest.mark.slow
@pytest.mark.parametrize("entry", [None, {"answer": 7}])
async def test_a_form_without_an_answer_ends_the_message_with_the_question(
    console: Console, project: Path, entry: dict[str, object] | None
) -> None:
    editor = Editor()
    editor.entries = [entry]
    with faulty_endpoint(CHOICE) as endpoint:
        reason = await work(console, endpoint, editor, project)

    assert (reason, len(endpoint.requests)) == ("end_turn", 1)
    assert "Which?" in editor.text()


@pytest.mark.slow
async def test_a_client_without_forms_is_asked_as_it_can_answer(console: Console, project: Path) -> None:
    editor = Editor()
    with faulty_endpoint(says("Which name?")) as endpoint:
        reason = await work(console, endpoint, editor, project, has_forms=False)

    tools = [tool["function"]["name"] for tool in endpoint.requests[0].body["tools"]]
    assert ("ask" in tools, "done" in tools) == (False, True)
    assert (reason, editor.forms, editor.questions) == ("end_turn", [], [])
    assert "Which name?" in editor.text()


@pytest.mark.parametrize("content", [{}, {"answer": " "}, {"choice": "nowhere"}, {"choice": ["left"]}])
def test_what_is_no_answer_to_a_form_is_none(content: dict[str, object]) -> None:
    question = Question(kind="choose", about="task", text="?", options=("left", "right"))

    assert answer_in(content, question) is None


def test_a_form_shows_no_control_characters_of_a_model() -> None:
    question = Question(kind="choose", about="task", text="?", options=("a\x1b[2Jb",))

    assert "\x1b" not in form_of(question).model_dump_json()
    assert "\\u001b" not in form_of(question).model_dump_json()
