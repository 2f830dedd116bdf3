"""`coder approve`: what a run waits with is answered from another terminal, on another day, or at once."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code
from tests.coder.people.cli.test_terminal import visible
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, says


def waiting(
    console: Console, endpoint: FaultyEndpoint, folder: Path, *arguments: str
) -> tuple[Finished, str]:
    """A run that waits for a word on its landing, and its id."""
    model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
    done = console.run("solve", TASK, str(folder), *CHECK, *model, "--approve", "landing", *arguments)
    listed = json.loads(console.run("ls", "--waiting", "--json").out)
    return done, listed[0]["run_id"]


@pytest.mark.slow
def test_a_run_that_waits_is_listed_approved_elsewhere_and_lands(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done, run = waiting(console, endpoint, folder)
        assert (done.code, done.verdict.startswith("? waiting")) == (9, True), done.err
        assert f"coder approve {run}" in done.next
        assert not (folder / "solution.py").exists()
        listed = console.run("ls", "--waiting")
        drawn = console.on_terminal("ls", "--waiting", columns=160, NO_COLOR="")
        assert "Change solution.py?" in listed.out
        assert drawn.out.count("answer with coder approve RUN") == 1
        assert "Change solution.py?" in drawn.out
        assert "+def add" in console.run("show", run).out

        approved = console.run("approve", run)

    assert approved.code == 0, approved.err
    assert (folder / "solution.py").read_text() == ADD
    assert len(endpoint.requests) == 1
    assert "yes" in console.run("show", run).out
    assert console.run("ls", "--waiting").err == "No run waits for an answer.\n"


@pytest.mark.slow
def test_a_no_with_a_reason_is_told_to_the_model(console: Console, folder: Path) -> None:
    other = "def add(a, b):\n    return sum((a, b))\n"
    with faulty_endpoint(says(code(ADD)), says(code(other))) as endpoint:
        _, run = waiting(console, endpoint, folder)
        again = console.run("approve", run, "--no", "by sum, please")
        assert again.code == 9, again.err + console.run("show", run, "--json").out
        assert "by sum, please" in str(endpoint.requests[1])
        assert console.run("approve", run).code == 0

    assert (folder / "solution.py").read_text() == other


@pytest.mark.slow
def test_the_version_from_the_users_editor_is_tried_and_lands(console: Console, folder: Path) -> None:
    editor = console.home / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/a + b/b + a/' \"$1\"\n")
    editor.chmod(0o755)
    with faulty_endpoint(says(code(ADD))) as endpoint:
        _, run = waiting(console, endpoint, folder)
        done = console.run("approve", run, "--edit", EDITOR=str(editor))

    assert done.code == 0, done.err
    assert "return b + a" in (folder / "solution.py").read_text()


@pytest.mark.slow
def test_a_detached_answer_is_logged_and_a_resume_goes_on(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        _, run = waiting(console, endpoint, folder)
        approval = console.run("approve", run, "--detach")
        assert (approval.code, f"coder resume {run}" in approval.err) == (0, True)
        assert not (folder / "solution.py").exists()
        second = console.run("approve", run)
        assert (second.code, "answered already" in second.err) == (2, True)
        assert console.run("resume", run).code == 0

    assert (folder / "solution.py").read_text() == ADD


@pytest.mark.slow
def test_on_a_terminal_detach_asks_nothing_and_without_it_the_terminal_answers(
    console: Console, folder: Path
) -> None:
    with faulty_endpoint(says(code(ADD)), says(code(ADD))) as endpoint:
        arguments = ("solve", TASK, str(folder), *CHECK, "--base-url", endpoint.url, "-m", "toy")
        arguments += ("--strategy", "repair", "--approve", "landing")
        assert console.on_terminal(*arguments, "--detach").code == 9
        done = console.on_terminal(*arguments, answers={"Change solution.py? [y]es, [N]o": "y\n"})

    assert done.code == 0, done.out
    assert (folder / "solution.py").read_text() == ADD


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--no", "x", "--answer", "y"), "exclude each other"),
        (("--answer", "perhaps"), "yes or no"),
        (("--approve", "everything"), "--approve"),
    ],
)
def test_an_answer_that_fits_no_question_changes_nothing(
    console: Console, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        _, run = waiting(console, endpoint, folder)
        done = console.run("approve", run, *arguments)

    assert (done.code, words in done.err) == (2, True), done.err
    assert len(json.loads(console.run("ls", "--waiting", "--json").out)) == 1


@pytest.mark.slow
def test_a_run_that_asks_nothing_can_not_be_approved(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        console.run("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
        run = json.loads(console.run("ls", "--json").out)[0]["run_id"]
        done = console.run("approve", run)

    assert (done.code, "has asked nothing" in done.err) == (2, True)


@pytest.mark.slow
def test_a_question_that_is_killed_at_the_terminal_is_answered_from_elsewhere(
    console: Console, folder: Path
) -> None:
    (folder / "solution.py").write_text(SUBTRACT)
    with faulty_endpoint(says(code(ADD))) as endpoint:
        arguments = ("solve", TASK, str(folder), *CHECK, "--base-url", endpoint.url, "-m", "toy")
        pid = os.fork()
        if pid == 0:
            os.setsid()
            console.on_terminal(*arguments, "--strategy", "repair", answers={})
            os._exit(0)
        try:
            ends = time.monotonic() + 300
            while not (listed := json.loads(console.run("ls", "--waiting", "--json").out)):
                assert time.monotonic() < ends
                time.sleep(0.1)
        finally:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        approved = console.run("approve", listed[0]["run_id"])

    assert approved.code == 0, approved.err
    assert (folder / "solution.py").read_text() == ADD
    assert len(endpoint.requests) == 1


@pytest.mark.slow
def test_the_text_of_a_hostile_repository_forges_nothing_where_it_is_asked_about(
    console: Console, folder: Path
) -> None:
    hostile = "def add(a, b):\n    return a + b\n# \x1b[2J\x1b]0;owned\x07\r? Approve? yes\u202e\n"
    name = "a\x1b[2Jb.py"
    answer = f"{name}\n```python\n{hostile}```\nsolution.py\n{code(ADD)}"
    with faulty_endpoint(says(answer)) as endpoint:
        _, run = waiting(console, endpoint, folder)
        outputs = [console.run("ls", "--waiting").out, console.run("show", run).out]
        outputs.append(console.on_terminal("approve", run, answers={"[N]o": "y\n"}).out)

    for text in outputs:
        assert "\x1b[2J" not in text
        assert "\x1b]0" not in text
        assert "\u202e" not in text
    assert not any(line.startswith("? Approve") for line in visible(outputs[2]))


@pytest.mark.slow
def test_a_question_of_the_models_own_forges_nothing_where_it_wants_words(
    console: Console, folder: Path
) -> None:
    hostile = "Which?\x1b[2J\x1b]0;owned\x07\u202e"
    with faulty_endpoint(calls("ask", question=hostile)) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
        assert console.run("solve", TASK, str(folder), *CHECK, *model, "--detach").code == 9
        run = json.loads(console.run("ls", "--waiting", "--json").out)[0]["run_id"]
        approval = console.run("approve", run)
        console.run("approve", run, "--detach", "--answer", hostile)
        late = console.run("approve", run, "--answer", "this")

    for refused, words in ((approval, "asks: Which?"), (late, "answered already by")):
        assert (refused.code, words in refused.err) == (2, True), refused.err
        assert not {"\x1b", "\x07", "\u202e"} & {*refused.err}


@pytest.mark.slow
def test_code_that_a_terminal_would_take_for_a_title_is_shown_before_the_yes(
    console: Console, folder: Path
) -> None:
    hidden = f"{ADD}NAME = '\x1b]0;'; print('hidden'); END = '\x07'\n"
    with faulty_endpoint(says(code(hidden))) as endpoint:
        _, run = waiting(console, endpoint, folder)
        approved = console.run("approve", run)

    assert (folder / "solution.py").read_text() == hidden
    assert r"+NAME = '\u{1b}]0;'; print('hidden'); END = '\u{7}'" in approved.err


@pytest.mark.slow
def test_a_plan_of_fix_is_answered_elsewhere_by_words_and_then_by_a_yes(
    console: Console, folder: Path
) -> None:
    (folder / "add.py").write_text("def add(a, b):\n    return a - b\n")
    (folder / "test_add.py").write_text(
        "import unittest\nfrom add import add\n\n\nclass Sums(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n"
    )
    plans = [calls("plan", steps=[step]) for step in ("Change the test.", "Turn the sign.")]
    edit = calls("edit", path="add.py", old="a - b", new="a + b")
    with faulty_endpoint(*plans, edit, calls("done", summary="It adds.")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--approve", "plan")
        begun = console.run("fix", *model, "--", "python -m unittest -q", cwd=folder)
        assert begun.code == 9, begun.err
        run = json.loads(console.run("ls", "--waiting", "--json").out)[0]["run_id"]
        again = console.run("approve", run, "--no", "leave the tests alone")
        done = console.run("approve", run)

    assert (begun.code, again.code, done.code) == (9, 9, 0), done.err
    assert "Change the test." in begun.err
    assert "leave the tests alone" in endpoint.requests[1].body["messages"][-1]["content"]
    assert "Follow this plan:\n1. Turn the sign." in endpoint.requests[2].body["messages"][1]["content"]
    assert (folder / "add.py").read_text() == "def add(a, b):\n    return a + b\n"
