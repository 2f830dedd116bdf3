"""`coder chat` on a terminal: several lines, completion, history, and what Ctrl-C and Ctrl-D do."""

import os
import pty
import re
import secrets
import shlex
import signal
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from time import monotonic

import pytest

from tests.coder.people.cli.console import CODER, LONGEST_S, Console, Finished
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, hangs, says
from tests.processes import processes_with, wait_until

PROMPT = "\x1b[?2004h"
"""What prompt_toolkit sends when it begins to read a line: at the prompt and at a question."""
_ASKING = re.compile(rb"\x1b\[\?2004h(?:(?!\x1b\[\?25h|\x1b\[0m\+[ \x08\x1b]).)*\x1b\[\?25h", re.DOTALL)
"""A line that is read, and not the one while the model works."""
ALT_ENTER, CTRL_C, CTRL_D, ENTER = "\x1b\r", "\x03", "\x04", "\r"


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder with one file."""
    (folder / "calc.py").write_text(WRONG)
    return folder


Step = tuple[str, str | Callable[[], None]]
"""What the screen shows, and then what the person types, or what else happens."""


@dataclass(frozen=True, slots=True)
class LongSleep:
    """A program in a sandbox that sleeps until the test ends it."""

    seconds: str = field(default_factory=lambda: f"600.{secrets.randbelow(10**9):09}")

    @property
    def command(self) -> str:
        return f"sleep {self.seconds}"

    def end(self) -> None:
        """End it once it has begun."""
        tag = f"sleep\0{self.seconds}"
        assert wait_until(lambda: bool(processes_with(tag)))
        for pid in processes_with(tag):
            os.kill(pid, signal.SIGTERM)


def talk(
    console: Console,
    endpoint: FaultyEndpoint,
    script: Sequence[Step],
    *,
    cwd: Path,
    **environ: str,
) -> Finished:
    """Type each text once the screen has shown, behind what was typed before, what stands beside it."""
    code, screen = talk_raw(console, endpoint, script, cwd=cwd, **environ)
    return Finished(code, re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", screen), "")


def talk_raw(
    console: Console,
    endpoint: FaultyEndpoint,
    script: Sequence[Step],
    *,
    cwd: Path,
    **environ: str,
) -> tuple[int, str]:
    """As `talk`: the exit code, and what the terminal got with its control codes."""
    words = ("chat", ".", "--base-url", endpoint.url, "-m", "toy")
    environ = {"PROMPT_TOOLKIT_NO_CPR": "1"} | environ
    pid, wait, terminal = console.open_terminal(*words, cwd=cwd, columns=100, **environ)
    steps, screen, position = list(script), b"", 0
    deadline = monotonic() + LONGEST_S
    try:
        while monotonic() < deadline:
            if not select([terminal], [], [], 1.0)[0]:
                continue
            try:
                piece = os.read(terminal, 65_536)
            except OSError:  # Linux: the other end has been closed
                break
            screen += piece
            while steps and (place := _place_of(steps[0][0], screen, position)) >= 0:
                expected, typed = steps.pop(0)
                position = place + len(expected)
                if callable(typed):
                    typed()
                    continue
                if typed == CTRL_C:  # before the request is there, the next one would be the first
                    assert endpoint.wait_until(lambda it: len(it.requests) == 1, timeout_s=300)
                os.write(terminal, typed.encode())
        else:
            os.kill(pid, signal.SIGKILL)
    finally:
        exit_code = wait()
        os.close(terminal)
    return exit_code, screen.decode("utf-8", "replace")


def left_of(screen: str) -> str:
    """What stays of a screen: words that come slowly are drawn below the prompt, and erased there once the
    answer is logged.
    """
    lines, row = [""], 0
    for part in re.split(r"(\x1b\[[?0-9;]*[a-zA-Z]|\n)", screen.replace("\r", "")):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part.startswith("\x1b[") and part.endswith("A"):
            row = max(0, row - int(part[2:-1] or 1))
        elif part == "\x1b[J":  # from the first column on, where prompts are drawn
            lines[row:] = [""]
        elif not part.startswith("\x1b"):
            lines[row] += part
    return "\n".join(lines)


def _place_of(wanted: str, shown: bytes, start: int) -> int:
    if wanted != PROMPT:
        return shown.find(wanted.encode(), start)
    asking = _ASKING.search(shown, start)
    return asking.start() if asking is not None else -1


@pytest.mark.slow
def test_a_conversation_on_a_terminal_from_its_first_line_to_ctrl_d(console: Console, project: Path) -> None:
    script = [
        (PROMPT, f"What is{ALT_ENTER}wrong?{ENTER}"),
        (PROMPT, f"Mend it{ENTER}"),
        (PROMPT, f"y{ENTER}"),
        (PROMPT, f"/go{ENTER}"),
        ("Nothing was cut off", ""),
        (PROMPT, f"/he\t{ENTER}"),
        ("/help", ""),
        (PROMPT, CTRL_D),
    ]
    with faulty_endpoint(says("It subtracts."), says(code(RIGHT))) as endpoint:
        anew = {"PYTHONHASHSEED": "0"}  # with it a command is started, not forked: this one as a person does
        done = talk(console, endpoint, script, cwd=project, **anew)

    assert done.code == 0, done.out
    assert endpoint.requests[0].body["messages"][-1]["content"].startswith("What is\nwrong?"), done.out
    assert (project / "calc.py").read_text() == RIGHT
    history = console.home / "data" / "chat_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert "+Mend it" in history.read_text()
    assert "+y" not in history.read_text().splitlines()


@pytest.mark.slow
def test_ctrl_c_breaks_off_the_work_and_go_goes_on_with_it(console: Console, project: Path) -> None:
    script = [
        (PROMPT, f"Mend it{ENTER}"),
        ("is writing", CTRL_C),
        ("interrupted; nothing is lost", ""),
        (PROMPT, f"/go{ENTER}"),
        (PROMPT, f"y{ENTER}"),
        (PROMPT, CTRL_D),
    ]
    with faulty_endpoint(hangs(), says(code(RIGHT))) as endpoint:
        done = talk(console, endpoint, script, cwd=project, NO_COLOR="")

    assert done.code == 0, done.out
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
def test_what_a_model_says_can_not_move_the_cursor_of_the_terminal(console: Console, project: Path) -> None:
    script = [(PROMPT, f"Is it right?{ENTER}"), ("No", ""), (PROMPT, CTRL_D)]
    with faulty_endpoint(says("No\x1b]0;owned\x07.\x9b2J")) as endpoint:
        done = talk(console, endpoint, script, cwd=project)

    assert "\x1b]0;owned" not in done.out
    assert "\x9b" not in done.out


@pytest.mark.slow
def test_words_are_shown_once_and_as_they_come_and_code_only_as_a_change(
    console: Console, project: Path
) -> None:
    script = [
        (PROMPT, f"Is it right?{ENTER}"),
        ("No, it", ""),
        (PROMPT, f"Mend it{ENTER}"),
        ("It adds now.", ""),
        (PROMPT, f"n{ENTER}"),
        (PROMPT, CTRL_D),
    ]
    answers = (says("No, ", "it ", "subtracts."), says("It adds now.\n\n", code(RIGHT)))
    with faulty_endpoint(*answers) as endpoint:
        exit_code, screen = talk_raw(console, endpoint, script, cwd=project)

    assert exit_code == 0, screen
    assert left_of(screen).count("No, it subtracts.") == 1
    assert screen.index("It adds now.") < screen.index("diff --git")
    assert "```" not in screen


@pytest.mark.slow
def test_words_behind_a_block_of_an_answer_in_words_are_shown_once(console: Console, project: Path) -> None:
    words = "It subtracts:\n\n```python\na - b\n", "```\n\nThe sign is wrong.\n"
    script = [(PROMPT, f"Explain add.{ENTER}"), ("sign is wrong", ""), (PROMPT, CTRL_D)]
    with faulty_endpoint(says(*words)) as endpoint:
        _, screen = talk_raw(console, endpoint, script, cwd=project)

    counts = [left_of(screen).count(part) for part in ("It subtracts:", "a - b", "The sign is wrong.")]
    assert counts == [1, 1, 1]


@pytest.mark.slow
def test_markdown_of_an_answer_is_drawn_and_html_in_it_is_text(console: Console, project: Path) -> None:
    script = [(PROMPT, f"Is it right?{ENTER}"), ("third", ""), (PROMPT, CTRL_D)]
    with faulty_endpoint(says("It is **wr", "ong**: `a - b`.\n\nA List<int>,", "\n\n- third")) as endpoint:
        exit_code, screen = talk_raw(console, endpoint, script, cwd=project, NO_COLOR="")

    assert exit_code == 0, screen
    assert left_of(screen).count("It is wrong: a - b.") == 1
    assert "A List<int>," in left_of(screen)
    assert " • third" in left_of(screen)
    assert "**" not in left_of(screen)


@pytest.mark.slow
def test_nobody_is_asked_about_a_change_that_was_not_shown(console: Console, project: Path) -> None:
    script = [("> ", "Mend it\n"), ("+    return a + b", ""), ("Write it?", "n\n"), ("> ", CTRL_D)]

    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = talk(console, endpoint, script, cwd=project, TERM="dumb")

    assert done.code == 0, done.out


@pytest.mark.slow
def test_without_prompt_toolkit_plain_lines_do(console: Console, project: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "prompt_toolkit.py").write_text("raise ImportError('not installed')")
    script = [("> ", "Is it right?\n"), ("No", ""), ("> ", CTRL_D)]

    with faulty_endpoint(says("No.")) as endpoint:
        done = talk(console, endpoint, script, cwd=project, PYTHONPATH=str(missing))

    assert done.code == 0, done.out
    assert f"pip install -e '{Path(__file__).parents[4]}[chat]'" in done.out
    assert "No." in done.out


@pytest.mark.slow
def test_what_is_typed_while_a_command_runs_reaches_the_model_and_answers_no_question(
    console: Console, project: Path
) -> None:
    sleep = LongSleep()
    mend = calls("bash", command=f"{sleep.command}; sed -i 's/ - / + /' calc.py")
    with faulty_endpoint(mend, says("Like this."), says("It adds now.")) as endpoint:
        script = (
            (PROMPT, f"Mend it.{ENTER}"),
            ("bash sleep", "Be brief.\n"),
            ("", sleep.end),  # what was typed before waits to be read
            ("told the model: Be brief.", "y"),
            ("Write it?", f"n{ENTER}"),
            (PROMPT, CTRL_D),
        )
        done = talk(console, endpoint, script, cwd=project, NO_COLOR="")
        messages = endpoint.requests[1].body["messages"]

    assert (messages[-1]["role"], messages[-1]["content"]) == ("user", "Be brief.")
    assert messages[-2]["role"] == "tool"
    assert (project / "calc.py").read_text() == WRONG, done.out
    assert "[exit 0, " in done.out
    assert "'y' was not sent: it had no Enter before this question" in done.out


@pytest.mark.slow
def test_ctrl_o_shows_what_the_latest_call_printed_and_leaves_what_was_typed(
    console: Console, project: Path
) -> None:
    first, second = calls("bash", command="echo $((40 + 1))"), calls("bash", command="echo $((40 + 2))")
    unknown = calls("paint", path="/nowhere")
    with faulty_endpoint(first, unknown, second, says("Done."), says("Fine.")) as endpoint:
        script = [
            (PROMPT, f"Look.{ENTER}"),
            (PROMPT, "And then\x0f"),
            ("\r\n42", ""),
            ("And then", f"?{ENTER}"),
            ("Fine.", ""),
            (PROMPT, f"/show 1{ENTER}"),
            ("\r\n41", ""),
            (PROMPT, f"/show 2{ENTER}"),
            ("\r\n42", ""),
            (PROMPT, f"/show 3{ENTER}"),
            ("The model has made 2 calls. Name one: /show N", ""),
            (PROMPT, CTRL_D),
        ]
        done = talk(console, endpoint, script, cwd=project)

    assert (done.code, len(endpoint.requests)) == (0, 5), done.out
    assert endpoint.requests[4].body["messages"][-1]["content"].startswith("And then?")


@pytest.mark.slow
def test_what_is_typed_while_it_works_stands_below_what_is_printed_and_is_sent_with_the_next_enter(
    console: Console, project: Path
) -> None:
    sleep = LongSleep()
    work = calls("bash", command=f"{sleep.command}; echo $((40 + 2))")
    with faulty_endpoint(work, says("Nothing else."), says("It is brief.")) as endpoint:
        script = (
            (PROMPT, f"Look.{ENTER}"),
            ("bash sleep", "Be br"),
            ("Be br", sleep.end),
            ("[exit 0, ", ""),
            ("+ Be br", ""),  # drawn again below the line that was printed, and maybe below the answer
            (PROMPT, ""),
            ("> Be br", f"ief.{ENTER}"),
            ("It is brief.", ""),
            (PROMPT, CTRL_D),
        )
        done = talk(console, endpoint, script, cwd=project, NO_COLOR="")

    assert (done.code, len(endpoint.requests)) == (0, 3), done.out
    assert endpoint.requests[1].body["messages"][-1]["role"] == "tool"
    assert endpoint.requests[2].body["messages"][-1]["content"].startswith("Be brief.")


@pytest.mark.slow
def test_ctrl_d_and_ctrl_o_while_it_works_end_nothing_and_a_line_can_be_edited(
    console: Console, project: Path
) -> None:
    sleep = LongSleep()
    work = calls("bash", command=f"{sleep.command}; echo 42")
    with faulty_endpoint(work, says("Done so.")) as endpoint:
        script = (
            (PROMPT, f"Look.{ENTER}"),
            ("bash sleep", f"{CTRL_D}\x0f"),
            ("runs after this message: /show", f"Be briex\x7ff.{ENTER}"),
            ("", sleep.end),  # what was typed before waits to be read
            ("told the model: Be brief.", ""),
            ("Done so.", ""),
            ("\r\n42", ""),
            (PROMPT, CTRL_D),
        )
        done = talk(console, endpoint, script, cwd=project, NO_COLOR="")

    assert (done.code, len(endpoint.requests)) == (0, 2), done.out


def test_ctrl_z_at_the_prompt_suspends_a_chat_and_fg_goes_on_with_it(
    console: Console, project: Path, tmp_path: Path
) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        chat = shlex.join([str(CODER), "chat", ".", "--base-url", endpoint.url, "-m", "toy"])
        pid, terminal = pty.fork()
        if pid == 0:
            environ = console.environ | {"TERM": "xterm", "PS1": "shell ", "PROMPT_TOOLKIT_NO_CPR": "1"}
            os.chdir(project)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environ)
        try:
            type_behind(terminal, f"{chat}\n", "shell ")
            type_behind(terminal, "\x1a", PROMPT)
            type_behind(terminal, "echo $((40+2))\n", "Stopped", "shell ")
            type_behind(terminal, "fg\n", "42", "shell ")
            type_behind(terminal, "\x16\x18Hi.\r", PROMPT)
            type_behind(terminal, "\x04", "Hello.", "cost unknown", PROMPT)
            type_behind(terminal, "exit\n", "shell ")
        finally:
            os.close(terminal)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    said = [message["content"] for message in endpoint.requests[0].body["messages"]]
    assert "Hi." in said[-1]
    assert not any(re.search(r"[\x00-\x08\x0b-\x1f]", str(words)) for words in said)


def type_behind(terminal: int, text: str, *shown: str) -> None:
    """Type a text once the terminal has shown others, one behind the other."""
    screen, ends = "", monotonic() + LONGEST_S
    pattern = re.compile(".*".join(map(re.escape, shown)), re.DOTALL)
    while pattern.search(screen) is None:
        assert select([terminal], [], [], max(ends - monotonic(), 0))[0], screen
        screen += os.read(terminal, 65_536).decode(errors="replace")
    os.write(terminal, text.encode())
