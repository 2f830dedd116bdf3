"""Lines of a conversation that never become a paid message, and the way back into the latest conversation."""

import re
from pathlib import Path

import pytest

from coder.engine.chat.subject import missing_files
from coder.show.chat_commands import is_lone_answer
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_chat import chat
from tests.coder.people.cli.test_chat_terminal import CTRL_D, ENTER, PROMPT, LongSleep, talk, talk_raw
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import calls, faulty_endpoint, says


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
        (PROMPT, f"/cots{ENTER}"),
        ("There is no command /cots; did you mean cost", ""),
        (PROMPT, f"!ls{ENTER}"),
        ("answer this question first", ""),
        (PROMPT, f"q{ENTER}"),
        ("'q' is no answer to this question", ""),
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
def test_continue_without_a_run_takes_the_latest_chat_of_the_folder_and_no_other_run(
    console: Console, project: Path, tmp_path: Path
) -> None:
    with faulty_endpoint(says("First."), says(code(RIGHT)), says("Second."), says("Third.")) as endpoint:
        chat(console, endpoint, "What is wrong?", cwd=project)
        model = ("--base-url", endpoint.url, "-m", "toy")
        console.run("solve", "Mend it", str(project), *model, "--strategy", "one-shot", cwd=project)
        done = console.run("chat", "--continue", cwd=project, stdin=b"And now?\n")
        folder_chat = console.run("chat", str(project), "--continue", cwd=tmp_path, stdin=b"Then?\n")
        none = console.run("chat", "--continue", cwd=tmp_path)

    assert (done.out, folder_chat.out) == ("Second.\n", "Third.\n"), done.err + folder_chat.err
    assert endpoint.requests[2].body["messages"][1]["content"].startswith("What is wrong?")
    assert f"No chat has worked on {tmp_path}" in none.err


def test_words_that_may_answer_the_model_are_messages_and_decorators_are_no_files(tmp_path: Path) -> None:
    assert [is_lone_answer(line) for line in ("yes", "no", "y ", "Y")] == [False, False, True, True]
    assert missing_files("use @property, @pytest.fixture and @src/a.py or @b.py", tmp_path) == [
        "src/a.py",
        "b.py",
    ]


@pytest.mark.slow
def test_commands_typed_while_it_works_run_afterwards_and_an_unknown_one_is_named_at_once(
    console: Console, project: Path
) -> None:
    sleep = LongSleep()
    with faulty_endpoint(calls("bash", command=sleep.command), says("Done so.")) as endpoint:
        script = (
            (PROMPT, f"Look.{ENTER}"),
            ("bash sleep", "!echo $((40 + 2))\n"),
            ("runs after this message: !echo", "/cots\n"),
            ("There is no command /cots; did you mean cost", sleep.end),
            ("42\r\n", ""),
            (PROMPT, CTRL_D),
        )
        done = talk(console, endpoint, script, cwd=project, NO_COLOR="")
        sent = str([request.body["messages"] for request in endpoint.requests])

    assert (done.code, len(endpoint.requests)) == (0, 2), done.out
    assert "40 + 2" not in sent
    assert "cots" not in sent


@pytest.mark.slow
def test_lines_pasted_while_it_works_are_one_message(console: Console, project: Path) -> None:
    sleep = LongSleep()
    with faulty_endpoint(calls("bash", command=sleep.command), says("Done so.")) as endpoint:
        script = (
            (PROMPT, f"Look.{ENTER}"),
            ("bash sleep", "It fails:\n/usr/bin/x: 1\ny\n"),
            ("", sleep.end),  # what was typed before waits to be read
            ("Done so.", ""),
            (PROMPT, CTRL_D),
        )
        done = talk(console, endpoint, script, cwd=project, NO_COLOR="")

    assert (done.code, len(endpoint.requests)) == (0, 2), done.out
    assert endpoint.requests[1].body["messages"][-1]["content"] == "It fails:\n/usr/bin/x: 1\ny"


@pytest.mark.slow
@pytest.mark.parametrize("pasted", ["\x1b[200~It fails:\r/usr/x: 1\x1b[201~\r", "It fails:\r/usr/x: 1\r"])
def test_lines_pasted_at_the_prompt_are_one_message_also_without_the_marks_of_a_paste(
    console: Console, project: Path, pasted: str
) -> None:
    with faulty_endpoint(says("I see.")) as endpoint:
        script = ((PROMPT, pasted), ("I see.", ""), (PROMPT, CTRL_D))
        done = talk(console, endpoint, script, cwd=project)

    assert (done.code, len(endpoint.requests)) == (0, 1), done.out
    assert endpoint.requests[0].body["messages"][-1]["content"].startswith("It fails:\n/usr/x: 1")


@pytest.mark.slow
def test_lines_pasted_into_a_plain_terminal_are_one_message(console: Console, project: Path) -> None:
    with faulty_endpoint(says("I see.")) as endpoint:
        script = (("> ", "It fails:\n/usr/x: 1\n"), ("I see.", ""), ("> ", CTRL_D))
        done = talk(console, endpoint, script, cwd=project, TERM="dumb")

    assert (done.code, len(endpoint.requests)) == (0, 1), done.out
    assert endpoint.requests[0].body["messages"][-1]["content"].startswith("It fails:\n/usr/x: 1")


@pytest.mark.slow
def test_what_a_terminal_marks_as_pasted_is_one_message_in_a_pipe(console: Console, project: Path) -> None:
    with faulty_endpoint(says("I see.")) as endpoint:
        done = chat(console, endpoint, "\x1b[200~It fails:", "/usr/x: 1\x1b[201~", cwd=project)

    assert (done.out, len(endpoint.requests)) == ("I see.\n", 1), done.err
    assert endpoint.requests[0].body["messages"][-1]["content"].startswith("It fails:\n/usr/x: 1")


@pytest.mark.slow
def test_an_answer_in_words_about_a_change_is_printed_before_the_change_is_asked_about_again(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT)), says("It adds.")) as endpoint:
        done = chat(console, endpoint, "Mend it.", "What does it do now?", "y", cwd=project)

    assert (project / "calc.py").read_text() == RIGHT
    assert done.out.endswith("It adds.\n")
    assert done.out.count("diff --git") == 1
    assert done.err.count("Write it?") == 2


@pytest.mark.slow
def test_apply_writes_a_change_that_was_discarded(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = chat(console, endpoint, "Mend it.", "n", "/apply", "y", cwd=project)

    assert (project / "calc.py").read_text() == RIGHT
    assert "/apply asks about it again" in done.err
    assert done.out.count("diff --git") == 2  # what is asked about is shown
    assert "1 attempt  " in done.err
    assert len(endpoint.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("no_color", ["1", ""])
def test_with_no_color_a_chat_has_neither_colours_nor_a_live_line(
    console: Console, project: Path, no_color: str
) -> None:
    sleep, is_plain = LongSleep(), no_color == "1"
    work = calls("bash", command=f"{sleep.command}; true")
    with faulty_endpoint(work, says("It is **brief**.")) as endpoint:
        begins = (PROMPT, f"Look.{ENTER}"), ("bash sleep" if is_plain else "⠙", sleep.end)
        script = (*begins, ("[exit 0, ", ""), ("It is ", ""), (PROMPT, CTRL_D))
        code, screen = talk_raw(console, endpoint, script, cwd=project, NO_COLOR=no_color)

    styles = set(re.findall(r"\x1b\[([0-9;]*)m", screen)) - {"", "0"}
    assert code == 0, screen
    assert bool(styles) is not is_plain
    assert any(frame in screen for frame in "⠋⠙⠹⠸") is not is_plain
    assert ("\x1b[1mbrief" in screen) is not is_plain
