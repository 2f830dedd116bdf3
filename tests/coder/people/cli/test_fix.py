"""`coder fix` as a person meets it; an endpoint on loopback says what it is told to."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, says
from tests.git_repository import ENVIRONMENT, make_repository
from tests.programs import require_toolchain

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TIMES = "def add(a, b):\n    return a * b\n"
TEST = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
SUITE = """import unittest
from calc import add


class Calc(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""
PYTEST = ("pytest", "-q")
UNITTEST = ("python3", "-m", "unittest", "-q")
"""Starts in half the time that pytest takes, for tests of everything around it."""


def code(text: str, old: str = WRONG) -> str:
    """An answer that replaces the whole of calc.py, for models with tools and without."""
    return replaced("calc.py", text, old)


def replaced(path: str, text: str, old: str = "") -> str:
    return f"`{path}`\n```python\n<<<<<<< SEARCH\n{old}=======\n{text}>>>>>>> REPLACE\n```\n"


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder whose test fails."""
    (folder / "calc.py").write_text(WRONG)
    (folder / "test_calc.py").write_text(SUITE)
    return folder


def fix(
    console: Console, endpoint: FaultyEndpoint, *arguments: str, cwd: Path, runner: tuple[str, ...] = UNITTEST
) -> Finished:
    flags = ("--base-url", endpoint.url, "-m", "toy")
    return console.run("fix", *flags, *arguments, "--", *runner, cwd=cwd)


@pytest.mark.slow
def test_a_command_that_fails_is_made_to_pass_where_the_user_is(console: Console, project: Path) -> None:
    (project / "test_calc.py").write_text(TEST)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = fix(console, endpoint, cwd=project, runner=PYTEST)

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT
    assert done.out.splitlines()[:2] == [done.verdict, "diff --git a/calc.py b/calc.py"]
    assert "✓ solved  1 of 1 passed" in done.err


@pytest.mark.slow
def test_a_command_line_in_one_word_is_run_by_bash(console: Console, project: Path) -> None:
    (project / "test_calc.py").write_text(TEST)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run(
            "fix", *flags, "--", "python3 -c 'import test_calc as t; t.test_add()' | cat", cwd=project
        )

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
def test_the_answer_that_changes_the_test_instead_changes_nothing(console: Console, project: Path) -> None:
    cheat = replaced("test_calc.py", "def test_add():\n    pass\n", SUITE)
    with faulty_endpoint(says(cheat)) as endpoint:
        done = fix(console, endpoint, cwd=project)

    assert done.code != 0
    assert (project / "test_calc.py").read_text() == SUITE


@pytest.mark.slow
def test_who_answers_with_other_tests_alone_is_told_that_the_code_is_what_may_change(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(
        says(replaced("test_calc.py", "def test_add():\n    pass\n", SUITE)), says(code(RIGHT))
    ) as endpoint:
        done = fix(console, endpoint, cwd=project)
        feedback = endpoint.requests[1].body["messages"][-1]["content"]

    assert (done.code, len(endpoint.requests)) == (0, 2), done.err
    assert "no answer may change `test_calc.py`" in feedback
    assert "1 attempt " in done.err


@pytest.mark.slow
def test_a_recording_within_the_folder_is_no_part_of_it_and_can_be_replayed_there(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        fix(console, endpoint, "--record", "calls.jsonl", cwd=project)
        prompt = str(endpoint.requests[0].body["messages"])
    (project / "calc.py").write_text(WRONG)

    done = console.run("fix", "--replay", "calls.jsonl", "--", *UNITTEST, cwd=project)

    assert done.code == 0, done.err
    assert "calls.jsonl" not in prompt
    assert "calls.jsonl: left out, a recording of model calls" in done.err


def test_without_a_command_it_says_what_to_give(console: Console) -> None:
    done = console.run("fix", ".")

    assert done.code == 2
    assert "coder fix -- pytest -q" in done.err


def test_the_home_folder_is_not_taken_by_itself(console: Console) -> None:
    (console.home / "calc.py").write_text(WRONG)
    (console.home / "test_calc.py").write_text(SUITE)

    ends = [console.run("fix", *words) for words in ((), ("calc.py",), ("add is wrong",))]

    assert [done.code for done in ends] == [2, 2, 2]
    assert all("it is worked on only if it is named" in done.err for done in ends)


@pytest.mark.slow
def test_a_named_folder_within_a_project_is_worked_on_with_the_whole_project(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=WRONG, test_calc__py=SUITE)
    (repository.top / "tests").mkdir()
    (repository.top / "test_calc.py").rename(repository.top / "tests" / "test_calc.py")
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run("fix", "tests/", *flags, cwd=repository.top)
        prompt = str(endpoint.requests[0].body["messages"])

    assert (done.code, (repository.top / "calc.py").read_text()) == (0, RIGHT), done.err
    assert "It is about the folder `tests`." in prompt


@pytest.mark.slow
def test_of_several_projects_the_one_whose_tests_fail_is_mended(console: Console, tmp_path: Path) -> None:
    for name, text in (("a", RIGHT), ("b", WRONG)):
        (place := tmp_path / "work" / name).mkdir(parents=True)
        (place / "setup.cfg").write_text("")
        (place / "calc.py").write_text(text)
        (place / "test_calc.py").write_text(SUITE)
    with faulty_endpoint(says(replaced("b/calc.py", RIGHT, WRONG))) as endpoint:
        done = console.run("fix", ".", "--base-url", endpoint.url, "-m", "toy", cwd=tmp_path / "work")
        prompt = str(endpoint.requests[0].body["messages"])

    assert (done.code, (tmp_path / "work" / "b" / "calc.py").read_text()) == (0, RIGHT), done.err
    assert "; they pass, so those of another folder are run" in done.err
    assert re.search(r"The tests are run by .{0,40}cd b && python -m unittest", prompt)


@pytest.mark.parametrize(
    ("path", "problem"), [("gone", "There is no folder gone."), ("a.py", "a.py is a file.")]
)
def test_the_path_to_fix_is_a_folder(console: Console, path: str, problem: str) -> None:
    (console.home / "a.py").touch()

    done = console.run("fix", "--path", path, "--", "pytest")

    assert (done.code, done.err) == (2, f"error: {problem} Name the folder that the tests run in.\n")


@pytest.mark.slow
def test_what_follows_the_commands_first_word_is_the_commands_without_dashes_too(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = console.run(
            "fix", "--base-url", endpoint.url, "-m", "toy", "python3", "-m", "pytest", cwd=project
        )

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT


def test_an_option_of_coder_that_stands_after_the_command_is_named_with_the_place_for_it(
    console: Console, project: Path
) -> None:
    command = ("python3", "-c", "raise SystemExit(1)", "--model=toy")
    loose = console.run("fix", "--commit", *command, cwd=project)  # no repository: no model is asked
    explicit = console.run("fix", "--commit", "--", *command, cwd=project)

    assert "If it is meant for coder: coder fix --model=toy … -- python3 …" in loose.err
    assert (loose.code, explicit.code) == (2, 2)
    assert "is meant for coder" not in explicit.err


@pytest.mark.slow
def test_the_subject_of_a_commit_is_the_first_sentence_with_which_the_model_ended(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=WRONG, test_calc__py=SUITE)
    what = "Add both of the numbers in calc.add, as its docstring and the tests of the package expect it."
    work = calls("bash", command=f"cat > calc.py <<'E'\n{RIGHT}E")
    with faulty_endpoint(work, calls("done", summary=f"{what} It subtracted.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--commit")
        done = console.run("fix", *flags, "--", *UNITTEST, cwd=repository.top, **ENVIRONMENT)

    assert done.code == 0, done.err
    subject, body = repository.git("log", "-1", "--format=%s%n%b").split("\n", 1)
    assert subject == "Add both of the numbers in calc.add, as its docstring and the tests of…"
    assert body.startswith(f"{what} It subtracted.\n\nTask: Make `python3 -m unittest -q` pass.\n")


@pytest.mark.slow
def test_a_commit_is_made_where_the_user_is_and_undo_reverts_it_by_a_commit(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=WRONG, test_calc__py=SUITE)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--commit")
        done = console.run("fix", *flags, "--", *UNITTEST, cwd=repository.top, **ENVIRONMENT)
    run = done.next.split()[3]
    commit = repository.git("rev-parse", "HEAD")

    undone = console.run("undo", cwd=repository.top, **ENVIRONMENT)
    again = console.run("undo", run, **ENVIRONMENT)

    assert f"  ✓ commit {commit[:12]} on main" in done.err
    subject, body = repository.git("log", "-1", "--format=%s%n%b", commit).split("\n", 1)
    assert subject == "Change calc.py"
    assert body.startswith("Task: Make `python3 -m unittest -q` pass.\n")
    assert repository.git("rev-parse", "HEAD^") == commit
    assert repository.git("diff", "HEAD", "HEAD~2") == ""
    assert repository.git("status", "--porcelain", "--untracked-files=no") == ""
    assert (
        f"the commit {repository.git('rev-parse', 'HEAD')[:12]} reverts the commit {commit[:12]}"
        in undone.err
    )
    assert "Nothing was left to undo" in again.err
    assert repository.git("rev-parse", "HEAD^") == commit
    assert (repository.top / "calc.py").read_text() == WRONG


@pytest.mark.slow
def test_a_diff_that_is_not_applied_can_be_printed_again_and_applied_later(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = fix(console, endpoint, "--no-apply", cwd=project)
        run = done.next.split()[3]
        exported = console.run("export", run)
        assert (project / "calc.py").read_text() == WRONG
        applied = console.run("resume", run, "--apply", "--base-url", endpoint.url, "-m", "toy")

    assert f"coder resume {run} --apply" in done.err
    assert done.out == f"{done.verdict}\n{exported.out}"
    assert exported.out.startswith("diff --git a/calc.py b/calc.py\n")
    assert exported.err == ""
    assert (applied.code, (project / "calc.py").read_text()) == (0, RIGHT), applied.err


@pytest.mark.slow
def test_the_patch_of_an_unsolved_run_is_printed_alone_and_stderr_says_why_it_is_unsolved(
    console: Console, project: Path
) -> None:
    (project / "test_calc.py").write_text(TEST)
    with faulty_endpoint(says(code("def add(a, b):\n    return a * b\n"))) as endpoint:
        done = fix(console, endpoint, cwd=project, runner=PYTEST)

    exported = console.run("export", cwd=project)

    assert (done.code, exported.code) == (1, 0)
    assert exported.out.startswith("diff --git a/calc.py b/calc.py\n")
    assert exported.out.endswith("+    return a * b\n")
    (warning,) = exported.said
    assert warning.startswith(f"✗ unsolved  the patch is of {done.next.split()[3]}, which ended so: ")
    assert "test_calc.py::test_add: expected 5, got 6" in warning


def test_a_commit_without_a_repository_is_refused_before_any_call(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = fix(console, endpoint, "--commit", cwd=project)

    assert (done.code, endpoint.requests) == (2, [])
    assert "is in no git repository" in done.err


@pytest.mark.slow
def test_a_test_command_in_a_repository_means_the_folder_where_one_is(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=WRONG, test_calc__py=SUITE)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--test", " ".join(UNITTEST), "--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", "Mend add.", *flags, cwd=repository.top)

    assert done.code == 0, done.err
    assert repository.git("status", "--porcelain") == "M calc.py"


@pytest.mark.slow
def test_a_command_that_tells_of_no_test_and_passes_already_isnt_said_to_be_solved(
    console: Console, project: Path
) -> None:
    with faulty_endpoint() as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run("fix", *flags, "--", "true", cwd=project)
        accepted = console.run("fix", *flags, "--accept-unverified", "--", "true", cwd=project)

    assert (done.code, accepted.code) == (8, 0)
    assert done.verdict.startswith("? unverified  the command passes already and reports no test")
    assert endpoint.requests == []


@pytest.mark.slow
def test_a_strong_model_is_asked_where_the_first_one_has_failed_twice(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(
        says(code(TIMES)),
        says(code(WRONG.replace("-", "/"), TIMES)),
        says(code(RIGHT, WRONG.replace("-", "/"))),
    ) as endpoint:
        done = fix(console, endpoint, "--strong-model", f"great@{endpoint.url}", cwd=project)

    assert done.code == 0, done.err
    assert [request.body["model"] for request in endpoint.requests] == ["toy", "toy", "great"]


@pytest.mark.slow
def test_a_run_goes_on_with_a_strong_model_that_is_named_only_then(console: Console, project: Path) -> None:
    answers = (
        says(code(TIMES)),
        says(code(WRONG.replace("-", "/"), TIMES)),
        says(code(RIGHT, WRONG.replace("-", "/"))),
    )
    with faulty_endpoint(*answers) as endpoint:
        first = fix(console, endpoint, "--strategy", "repair", "--max-calls", "2", cwd=project)
        done = console.run("resume", "run_", "--strong-model", f"great@{endpoint.url}", "--max-calls", "4")

    assert (first.code, done.code) == (3, 0), first.err + done.err
    assert [request.body["model"] for request in endpoint.requests] == ["toy", "toy", "great"]


MODULE = "mkdir -p node_modules/expects && echo 'exports.five = () => 5' > node_modules/expects/index.js"


@pytest.mark.slow
def test_an_install_is_asked_about_and_made_once(console: Console, folder: Path) -> None:
    require_toolchain("node")
    (folder / "sum.js").write_text("module.exports = (a, b) => a - b\n")
    check = "if (require('./sum')(2, 3) !== require('expects').five()) process.exit(1)\n"
    (folder / "sum.test.js").write_text(check)
    before = sorted(folder.iterdir())
    answer = says(
        replaced("sum.js", "module.exports = (a, b) => a + b\n", "module.exports = (a, b) => a - b\n")
    )

    def fixed(*flags: str) -> Finished:
        arguments = ("--base-url", endpoint.url, "-m", "toy", "--install-with", MODULE, "--no-apply", *flags)
        return console.run("fix", *arguments, "--", "node", "sum.test.js", cwd=folder)

    with faulty_endpoint(answer, answer) as endpoint:
        refused = fixed()
        first = fixed("-y")
        second = fixed()

    assert (refused.code, first.code, second.code) == (7, 0, 0), refused.err + first.err + second.err
    assert MODULE in refused.err
    assert "or with -y" in refused.err
    assert "drop it: rm -r " in first.err
    assert "installed before" in second.err
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
def test_tests_that_need_what_isnt_installed_ask_no_model(console: Console, project: Path) -> None:
    (project / "requirements.txt").write_text("nowhere-to-be-found\n")
    (project / "test_calc.py").write_text(f"import nowhere_to_be_found\n{TEST}")
    with faulty_endpoint() as endpoint:
        done = fix(console, endpoint, cwd=project, runner=PYTEST)

    assert done.code == 2
    assert "nowhere_to_be_found, which isn't installed" in done.err
    assert "--install" in done.err
    assert endpoint.requests == []


@pytest.mark.slow
def test_a_repository_of_five_thousand_files_is_mended_and_given_back(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "work", calc__py=WRONG, test_calc__py=SUITE)
    for folder in range(50):
        place = repository.top / f"package{folder // 5}/module{folder}"
        place.mkdir(parents=True)
        for i in range(100):
            (place / f"file{i}.py").write_text(f"def value_{folder}_{i}(n):\n    return n + {i}\n")
    repository.commit()

    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--price", "0,0")
        words = ("fix", *flags, "--", *UNITTEST, "test_calc")
        done = console.run(*words, cwd=repository.top)
        landed = repository.git("status", "--porcelain")
        undone = console.run("undo", re.findall("run_[0-9a-z]+", done.err)[-1], cwd=repository.top)

    prompt = str(endpoint.requests[0].body["messages"])
    assert (done.code, landed, undone.code) == (0, "M calc.py", 0), done.err
    assert len(endpoint.requests) == 1
    assert "5,002 files" in prompt
    assert len(prompt) < 100_000
    assert repository.git("status", "--porcelain") == ""
    shutil.rmtree(repository.top)  # too many to be kept for a look


@pytest.mark.slow
def test_off_a_terminal_what_is_unverified_is_shown_and_accepted_later(
    console: Console, project: Path
) -> None:
    (project / "calc.py").write_text(RIGHT)
    more = f"{RIGHT}\n\ndef double(a):\n    return a + a\n"
    with faulty_endpoint(says(code(more, RIGHT)), calls("done", summary="It doubles.")) as endpoint:
        flags = ("--test", " ".join(UNITTEST), "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run("solve", "Add double to calc.py.", ".", *flags, cwd=project)
        content = (project / "calc.py").read_text()
        goes_on = done.next.rpartition("   ")[2].split()
        accepted = console.run(*goes_on[1:], "--base-url", endpoint.url, "-m", "toy", cwd=project)

    assert (done.code, content) == (8, RIGHT), done.err
    assert done.verdict.startswith(
        "? unverified  the tests passed before and after: nothing shows that the task is done"
    )
    assert "+def double(a):" in done.out
    assert (goes_on[1], goes_on[-1]) == ("resume", "--accept-unverified")
    assert (accepted.code, (project / "calc.py").read_text()) == (0, more), accepted.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "ends"), [((), 0), (("--require", "tests"), 8), (("--require", "luck"), 2)]
)
def test_a_new_test_that_failed_before_is_enough_unless_a_given_one_is_required(
    console: Console, project: Path, flags: tuple[str, ...], ends: int
) -> None:
    (project / "test_calc.py").write_text(SUITE.replace("add(2, 3), 5", "add(0, 0), 0"))
    new = SUITE.replace("test_add", "test_sum")
    answer = f"{code(RIGHT)}\n{replaced('test_sum.py', new)}"
    with faulty_endpoint(says(answer)) as endpoint:
        arguments = ("--base-url", endpoint.url, "-m", "toy", "-y", "--test", " ".join(UNITTEST), *flags)
        done = console.run("solve", "Mend add.", ".", *arguments, cwd=project)

    assert done.code == ends, done.err
    assert ("reproduced: test_sum.Calc.test_sum" in done.err) == (ends != 2)


@pytest.mark.slow
def test_a_given_test_that_is_contradicted_is_named_with_both_words_to_go_on(
    console: Console, project: Path
) -> None:
    (project / "calc.py").write_text(RIGHT)
    test = SUITE.replace(", 5)", ", -1)")
    answer = f"{code(WRONG, RIGHT)}\n{replaced('test_calc.py', test, SUITE)}"
    with faulty_endpoint(says(answer)) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        words = ("solve", "Let add subtract.", ".", "--test", " ".join(UNITTEST), *flags)
        done = console.run(*words, cwd=project)
        details = console.run("show", "run_", cwd=project)
        goes_on = done.next.partition("coder resume ")[2].split()
        accepted = console.run("resume", *goes_on, *flags, cwd=project)

    assert (done.code, len(endpoint.requests)) == (8, 1), done.err
    assert "? unverified  contradicts given tests: test_calc.Calc.test_add" in done.err
    assert "left out test_calc.py: given tests" in done.err
    assert "b/test_calc.py" not in done.out
    assert "test_calc.py  (left out: needs --allow)" in details.out
    assert goes_on[1:] == ["--accept-unverified", "--allow", "test_calc.py"]
    assert (accepted.code, (project / "test_calc.py").read_text()) == (0, test), accepted.err


@pytest.mark.slow
def test_undo_of_a_commit_that_the_user_has_built_on_says_that_the_reversal_is_not_committed(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository", calc__py=WRONG, test_calc__py=SUITE)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--commit")
        console.run("fix", *flags, "--", *UNITTEST, cwd=repository.top, **ENVIRONMENT)
    (repository.top / "calc.py").write_text(RIGHT + "# mine\n")
    repository.git("commit", "-qam", "Mine")
    (repository.top / "calc.py").write_text(RIGHT)

    undone = console.run("undo", cwd=repository.top, **ENVIRONMENT)

    assert "that is not committed: calc.py had changes of yours" in undone.err
    assert repository.git("log", "-1", "--format=%s") == "Mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [(), (".",), ("test_add fails",), ("test_calc.py",), ("--hint", "It subtracts.")]
)
def test_without_a_command_the_tests_of_the_folder_are_found_and_mended(
    console: Console, project: Path, words: tuple[str, ...]
) -> None:
    (project / "setup.cfg").write_text("")  # else it is no project
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = console.run("fix", *words, "--base-url", endpoint.url, "-m", "toy", "--json", cwd=project)

    run = json.loads(done.out)
    assert (done.code, run["status"]) == (0, "solved")
    assert run["test_command"].startswith("python -m unittest")
    assert run["test_command_from"] == (None if words == ("test_calc.py",) else "test_calc.py")
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
def test_a_found_command_that_cannot_be_run_is_named_and_the_next_one_is_used(
    console: Console, project: Path
) -> None:
    (project / "AGENTS.md").write_text("Test it:\n```\nphpunit\n```\n")
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = console.run("fix", ".", "--base-url", endpoint.url, "-m", "toy", cwd=project)

    assert done.code == 0
    assert "tests: phpunit, from AGENTS.md" in done.err
    assert "can't be run: The test command 'phpunit' is not in the sandbox" in done.err
    assert len(endpoint.requests) == 1


@pytest.mark.slow
def test_where_no_found_command_can_be_run_each_is_named_with_its_reason(
    console: Console, folder: Path
) -> None:
    (folder / "calc.py").write_text(WRONG)
    (folder / "AGENTS.md").write_text("```\nphpunit\n```\n")

    done = console.run("fix", ".", "--base-url", "http://127.0.0.1:1/v1", "-m", "toy", cwd=folder)

    assert done.code == 2
    assert "None of the test commands that were found can be run. phpunit (AGENTS.md): " in done.err
    assert "coder fix -- CMD" in done.err


def test_where_there_are_no_tests_the_command_is_asked_for_before_any_call(
    console: Console, folder: Path
) -> None:
    (folder / "calc.py").write_text(WRONG)

    done = console.run("fix", ".", "--base-url", "http://127.0.0.1:1/v1", "-m", "toy", cwd=folder)

    assert (done.code, "no tests were found" in done.err) == (2, True)


def test_two_commands_are_refused(console: Console, project: Path) -> None:
    done = console.run("fix", "--test", "pytest", "--", "make", cwd=project)

    assert (done.code, "Two commands are given" in done.err) == (2, True)


OTHER = "    def test_version(self):\n        self.fail('no release')\n"


@pytest.mark.slow
def test_a_mend_that_leaves_another_test_red_is_named_with_the_command_that_writes_it(
    console: Console, project: Path
) -> None:
    (project / "test_calc.py").write_text(f"{SUITE}\n{OTHER}")
    with faulty_endpoint(says(code(RIGHT)), says("The other one has no code to mend.")) as endpoint:
        done = fix(console, endpoint, cwd=project)
        told = json.dumps(endpoint.requests[-1].body["messages"][-1])
        (run,) = re.findall(r"coder resume (run_\w+) --keep", done.err)
        kept = console.run("resume", run, "--keep", cwd=project)

    assert (done.code, len(endpoint.requests)) == (1, 2)
    assert "1 of 2 mended; still red as before: test_calc.Calc.test_version (AssertionError" in done.err
    assert "stronger" not in done.err
    assert "1 of 2 tests that failed before pass now." in told
    assert (project / "calc.py").read_text() == RIGHT, kept.err


@pytest.mark.slow
def test_with_keep_a_mend_that_leaves_another_test_red_is_written(console: Console, project: Path) -> None:
    (project / "test_calc.py").write_text(f"{SUITE}\n{OTHER}")
    with faulty_endpoint(says(code(RIGHT)), says("Done.")) as endpoint:
        done = fix(console, endpoint, "--keep", cwd=project)

    assert (done.code, (project / "calc.py").read_text()) == (1, RIGHT)


@pytest.mark.slow
def test_a_model_without_tools_that_leaves_a_test_red_as_before_is_told_so(
    console: Console, project: Path
) -> None:
    (project / "test_calc.py").write_text(f"{SUITE}\n{OTHER}")
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = fix(console, endpoint, "--strategy", "repair", cwd=project)

    assert done.code == 1
    assert "✗ unsolved  1 of 2 mended; still red as before: test_calc.Calc.test_version" in done.err
