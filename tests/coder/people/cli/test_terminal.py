"""`coder solve` on a terminal: lines as they happen, a spinner, the diff and the question before a change."""

import os
import pty
import re
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code
from tests.faulty_endpoint import Reply, calls, faulty_endpoint, says, streams

ANSWER = "`solution.py`\n```python\ndef add(a, b):\n    return a + b\n```\n"


def solve(console: Console, reply: Reply, *arguments: str, **more: str) -> Finished:
    with faulty_endpoint(reply) as endpoint:
        return console.on_terminal(
            "solve", TASK, *arguments, *CHECK, "--base-url", endpoint.url, "-m", "toy", **more
        )


def visible(shown: str) -> list[str]:
    """The lines that stay on the screen."""
    lines = list[str]()
    for line in shown.split("\n"):
        if "\x1b[1A\x1b[2K" in line and lines:  # the cursor goes up, and what stands there is erased
            lines.pop()
        lines.append(re.split(r"\x1b\[2?K", line)[-1])
    return [line for line in lines if line.replace("\x1b[?25h", "").strip()]


@pytest.mark.slow
def test_a_solved_toy_task_takes_at_most_12_lines_beside_its_code(console: Console) -> None:
    done = solve(console, says(code(ADD)))

    lines = visible(done.out)
    assert done.code == 0, done.out
    assert any(line.startswith("✓ solved") for line in lines)
    assert lines[0].endswith("toy answers; programs run in bubblewrap")
    assert lines[1].startswith("  ✓ 1 of 1 passed")
    assert len(lines) - len(ADD.splitlines()) <= 12


@pytest.mark.slow
def test_a_spinner_turns_while_the_model_writes_and_is_gone_at_the_end(console: Console) -> None:
    slow = says(*ANSWER.splitlines(keepends=True))
    done = solve(console, Reply(slow.pieces, pause_s=0.2), NO_COLOR="")

    assert "is writing (call 1)" in done.out
    assert not any("is writing" in line for line in visible(done.out))


@pytest.mark.slow
@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"NO_COLOR": "", "TERM": "dumb"}])
def test_a_terminal_without_colours_gets_the_lines_of_a_pipe_and_no_code_for_its_cursor(
    console: Console, plain: dict[str, str]
) -> None:
    slow = says(*ANSWER.splitlines(keepends=True))
    done = solve(console, Reply(slow.pieces, pause_s=0.2), **plain)

    assert done.code == 0, done.out
    assert "✓ 1 of 1 passed" in done.out
    assert "\x1b" not in done.out


@pytest.mark.slow
def test_the_spinner_fits_into_a_narrow_terminal(console: Console) -> None:
    slow = says(*ANSWER.splitlines(keepends=True))
    with faulty_endpoint(Reply(slow.pieces, pause_s=0.2)) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "a-model-with-a-name-that-is-longer-than-the-line")
        done = console.on_terminal("solve", TASK, *CHECK, *model, columns=30, NO_COLOR="")

    turns = re.findall(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏][^\r\n\x1b]*", done.out)
    assert turns
    assert max(map(len, turns)) <= 30


@pytest.mark.slow
def test_colour_only_where_it_is_wanted(console: Console) -> None:
    plain = solve(console, says(code(ADD)), NO_COLOR="1")
    coloured = solve(console, says(code(ADD)), NO_COLOR="")

    assert "\x1b[3" not in plain.out
    assert "\x1b[32m✓" in coloured.out


@pytest.mark.slow
def test_a_diff_has_colours_and_keeps_its_text(console: Console, folder: Path) -> None:
    (folder / "solution.py").write_text(SUBTRACT)
    marked = f"{ADD}# [red]not markup[/red] :smile:\n"

    done = solve(console, says(replaced("solution.py", marked, SUBTRACT)), str(folder), "-y", NO_COLOR="")

    assert "\x1b[91m-    return a - b\x1b[0m" in done.out
    assert "\x1b[92m+    return a + b\x1b[0m" in done.out
    assert "+# [red]not markup[/red] :smile:" in done.out


@pytest.mark.parametrize(
    "arguments", [("show", "run_nowhere"), ("solve", "--nope")], ids=["error of a command", "unknown option"]
)
def test_an_error_is_a_panel_on_a_terminal_and_plain_with_no_color(
    console: Console, arguments: tuple[str, ...]
) -> None:
    coloured = console.on_terminal(*arguments, NO_COLOR="")
    plain = console.on_terminal(*arguments)

    assert coloured.code == plain.code == 2
    assert coloured.out.startswith("\x1b[31m ─\x1b[0m\x1b[31m error \x1b[0m\x1b[31m──")
    assert plain.out.startswith("error: ")


@pytest.mark.slow
def test_tokens_are_shown_as_they_come_without_what_could_control_the_terminal(console: Console) -> None:
    hostile = says("Here \x1b[2J\x1b]0;owned\x07it", " is:\n", code(ADD))

    done = solve(console, hostile, "-v")

    assert "Here it is:" in done.out
    assert "owned" not in done.out
    assert "\x1b[2J" not in done.out


@pytest.mark.slow
def test_code_of_an_answer_does_not_control_the_terminal_that_it_is_printed_on(console: Console) -> None:
    done = solve(console, says(code(f"{ADD}X = '\x1b]0;owned\x07'\n")))

    assert "\x1b]0;owned" not in done.out
    assert r"X = '\u{1b}]0;owned\u{7}'" in done.out


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_file_that_would_change_is_shown_and_asked_for(console: Console, folder: Path, term: str) -> None:
    (folder / "solution.py").write_text(SUBTRACT)

    done = console_answers(console, folder, "y\n", TERM=term)

    assert done.code == 0, done.out
    assert "-    return a - b" in done.out
    assert done.out.index("+    return a + b") < done.out.index("[y]es, [N]o")
    questions = [line for line in visible(done.out) if "[y]es, [N]o" in line]
    assert [line.partition("?")[0] for line in questions] == ["Change solution.py"]  # no live line beside it
    assert (folder / "solution.py").read_text() == ADD


@pytest.mark.slow
def test_no_leaves_the_file_as_it_was_and_ends_with_7(console: Console, folder: Path) -> None:
    (folder / "solution.py").write_text(SUBTRACT)

    done = console_answers(console, folder, "n\n")

    assert done.code == 7
    assert "✗ refused" in done.out
    assert done.out.count("you said no to the changes") == 1
    assert (folder / "solution.py").read_text() == SUBTRACT


@pytest.mark.slow
def test_a_yes_typed_before_the_change_is_shown_writes_nothing(console: Console, folder: Path) -> None:
    (folder / "solution.py").write_text(SUBTRACT)
    is_typed = threading.Event()
    typed = {"toy answers": "y\ny\n", "programs run in": is_typed.set, "[y]es, [N]o": "n\n"}
    change = replace(says(replaced("solution.py", ADD, SUBTRACT)), before_piece=lambda _: is_typed.wait(300))

    with faulty_endpoint(change) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = console.on_terminal("solve", TASK, str(folder), *CHECK, *model, answers=typed)

    assert done.code == 7, done.out
    assert (folder / "solution.py").read_text() == SUBTRACT


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 7)])
def test_a_change_of_new_files_alone_is_offered_too(
    console: Console, folder: Path, typed: str, code: int
) -> None:
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = console.on_terminal("solve", TASK, str(folder), *CHECK, *model, answers={"[y]es, [N]o": typed})

    assert (done.code, (folder / "solution.py").exists()) == (code, code == 0), done.out
    assert done.out.index("✓ 1 of 1 passed") < done.out.index("Change solution.py? [y]es, [N]o")


@pytest.mark.slow
def test_yes_asks_nothing(console: Console, folder: Path) -> None:
    (folder / "solution.py").write_text(SUBTRACT)

    done = solve(console, says(replaced("solution.py", ADD, SUBTRACT)), str(folder), "-y")

    assert done.code == 0, done.out
    assert "[y]es" not in done.out
    assert (folder / "solution.py").read_text() == ADD


STILL_WRONG = "def add(a, b):\n    return a * b\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "typed", "text"),
    [((), "y\n", STILL_WRONG), ((), "n\n", SUBTRACT), (("-y",), "", SUBTRACT)],
    ids=["yes", "no", "nobody is asked"],
)
def test_a_change_that_does_not_pass_is_offered_with_its_verdict(
    console: Console, folder: Path, flags: tuple[str, ...], typed: str, text: str
) -> None:
    (folder / "solution.py").write_text(SUBTRACT)

    with faulty_endpoint(says(replaced("solution.py", STILL_WRONG, SUBTRACT))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "one-shot")
        answers = {"all the same? [y]es, [N]o": typed} if typed else None
        done = console.on_terminal("solve", TASK, str(folder), *CHECK, *model, *flags, answers=answers)

    assert (done.code, (folder / "solution.py").read_text()) == (1, text), done.out
    assert ("It doesn't pass: 0 of 1 passed. Write solution.py all the same?" in done.out) is bool(typed)
    assert "✗ unsolved" in done.out


@pytest.mark.slow
def test_ctrl_c_at_the_question_saves_the_run_and_changes_nothing(console: Console, folder: Path) -> None:
    (folder / "solution.py").write_text(SUBTRACT)

    done = console_answers(console, folder, "\x03")

    assert done.code == 130
    assert "coder resume run_" in done.out
    assert (folder / "solution.py").read_text() == SUBTRACT


@pytest.mark.slow
def test_ctrl_c_while_the_model_writes_ends_at_once(console: Console) -> None:
    endless = streams(*['{"choices": []}'] * 10_000, ending="hang", pause_s=0.05)  # longer than `on_terminal`

    with faulty_endpoint(endless) as endpoint:
        done = console.on_terminal(
            *("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy"),
            answers={"is writing": "\x03"},
            NO_COLOR="",
        )

    assert done.code == 130
    assert "Interrupted and saved." in done.out


def console_answers(console: Console, folder: Path, typed: str, **environment: str) -> Finished:
    with faulty_endpoint(says(replaced("solution.py", ADD, SUBTRACT))) as endpoint:
        return console.on_terminal(
            *("solve", TASK, str(folder), *CHECK, "--base-url", endpoint.url, "-m", "toy"),
            answers={"[y]es, [N]o": typed},
            **environment,
        )


@pytest.mark.slow
def test_a_second_signal_ends_it_whatever_it_is_doing(console: Console) -> None:
    with faulty_endpoint(streams(ending="hang")) as endpoint:
        process = console.start("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
        assert endpoint.wait_until(lambda it: len(it.requests) == 1, timeout_s=300)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=300)

    assert process.returncode == 130
    assert b"Go on with: coder resume run_" in err


GREEN = """import unittest
from solution import add


class Sums(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""
MORE = f"{ADD}\n\ndef double(a):\n    return a + a\n"


def under_green_tests(console: Console, folder: Path, *flags: str, typed: str = "") -> Finished:
    (folder / "solution.py").write_text(ADD)
    (folder / "test_add.py").write_text(GREEN)
    with faulty_endpoint(
        says(replaced("solution.py", MORE, ADD)), calls("done", summary="It doubles.")
    ) as endpoint:
        words = (
            "solve",
            "Add double to solution.py.",
            str(folder),
            "--test",
            "python3 -m unittest -q",
            *flags,
        )
        answers = {"[y]es, [N]o": typed} if typed else None
        return console.on_terminal(
            *words, "--base-url", endpoint.url, "-m", "toy", answers=answers, columns=300
        )


@pytest.mark.slow
def test_a_person_decides_on_a_change_of_which_the_tests_show_nothing(console: Console, folder: Path) -> None:
    done = under_green_tests(console, folder, typed="y\n")

    question = "The tests passed before and after: nothing shows that the task is done. Write solution.py"
    assert done.out.index("+def double(a):") < done.out.index(question), done.out
    assert "? unverified  the tests passed before and after" in done.out
    assert (done.code, (folder / "solution.py").read_text()) == (8, MORE)


@pytest.mark.slow
def test_a_no_to_what_is_unverified_leaves_the_folder_as_it_was(console: Console, folder: Path) -> None:
    done = under_green_tests(console, folder, typed="n\n")

    assert (done.code, (folder / "solution.py").read_text()) == (7, ADD)


@pytest.mark.slow
def test_yes_beforehand_writes_what_is_unverified_and_calls_it_that(console: Console, folder: Path) -> None:
    done = under_green_tests(console, folder, "-y")

    assert "[y]es" not in done.out
    assert (done.code, (folder / "solution.py").read_text()) == (8, MORE)


TWO = """
import asyncio
from coder.show.screen import Screen
from coder.run.questions import Question

async def main():
    screen = Screen()
    asked = [Question(kind="approve", about="tools", text=text) for text in ("First?", "Second?")]
    tasks = [asyncio.create_task(screen.decide(question)) for question in asked]
    for _ in range(50):
        await asyncio.sleep(0)
    print("both have begun", flush=True)
    print([said.decision for said in await asyncio.gather(*tasks)])

asyncio.run(main())
"""


@pytest.mark.slow
def test_two_runs_that_ask_at_once_ask_one_after_the_other() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", TWO])
    output = b""

    def see(text: bytes) -> None:
        nonlocal output
        while text not in output:
            output += os.read(terminal, 1000)

    see(b"both have begun")
    see(b"First? [y]es, [N]o")
    assert b"Second?" not in output
    os.write(terminal, b"y\n")
    see(b"Second? [y]es, [N]o")
    os.write(terminal, b"n\n")
    see(b"['yes', 'no']")
    os.waitpid(pid, 0)
    os.close(terminal)


@pytest.mark.slow
def test_an_attempt_that_is_chosen_and_tried_again_is_printed_once(console: Console) -> None:
    done = solve(console, says(code(ADD)), "--samples", "3")

    lines = visible(done.out)
    assert done.code == 0, done.out
    passed = [line for line in lines if "✓ 1 of 1 passed" in line]
    assert len(passed) == len(set(passed)) > 0
    assert all(line.startswith(("  1: ", "  2: ", "  3: ")) for line in passed)
