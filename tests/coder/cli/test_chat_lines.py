"""Lines of a conversation that never become a paid message, and the way back into the latest conversation."""

from pathlib import Path

import pytest

from coder.chat.commands import is_lone_answer
from coder.chat.subject import missing_files
from tests.coder.cli.console import Console
from tests.coder.cli.test_chat import chat
from tests.coder.cli.test_chat_terminal import CTRL_D, ENTER, PROMPT, talk
from tests.coder.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import faulty_endpoint, says


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder with one file."""
    (folder / "calc.py").write_text(WRONG)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["y", "N", "q"])
def test_a_lone_answer_without_a_question_is_not_sent_to_the_model(
    console: Console, project: Path, typed: str
) -> None:
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, typed, cwd=project)

    assert endpoint.requests == []
    assert f"{typed!r} was not sent: no question is open" in done.err


@pytest.mark.slow
def test_a_command_at_the_question_about_a_change_leaves_the_question_open(
    console: Console, project: Path
) -> None:
    script = [
        (PROMPT, f"Mend it{ENTER}"),
        (PROMPT, f"/cost{ENTER}"),
        ("answer this question first", ""),
        (PROMPT, f"y{ENTER}"),
        (PROMPT, CTRL_D),
    ]
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = talk(console, endpoint, script, cwd=project)

    assert len(endpoint.requests) == 1, done.out
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
def test_a_file_behind_an_at_that_does_not_exist_is_named(console: Console, project: Path) -> None:
    with faulty_endpoint(says("No.")) as endpoint:
        done = chat(console, endpoint, "Is @clac.py right?", cwd=project)

    assert "There is no file clac.py" in done.err


@pytest.mark.slow
def test_continue_without_a_run_takes_the_latest_of_the_folder(console: Console, project: Path) -> None:
    with faulty_endpoint(says("First."), says("Second.")) as endpoint:
        chat(console, endpoint, "What is wrong?", cwd=project)
        done = console.run("chat", "--continue", cwd=project, stdin=b"And now?\n")

    assert done.out == "Second.\n", done.err
    assert endpoint.requests[1].body["messages"][1]["content"].startswith("What is wrong?")


def test_words_that_may_answer_the_model_are_messages_and_decorators_are_no_files(tmp_path: Path) -> None:
    assert [is_lone_answer(line) for line in ("yes", "no", "y ", "Y")] == [False, False, True, True]
    assert missing_files("use @property, @pytest.fixture and @src/a.py or @b.py", tmp_path) == [
        "src/a.py",
        "b.py",
    ]
