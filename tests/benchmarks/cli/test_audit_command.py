"""`coder bench audit`, and what `coder bench grade` says of cheats, as a shell sees it."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.judge.patches import diff
from tests.coder.people.cli.console import Console
from tests.only_pytest import only_pytest

SQUARES = {
    "id": "squares",
    "prompt": "def f(n):\n    '''n times n'''\n",
    "entry_point": "f",
    "test": "def check(candidate):\n    for n in (2, 3, 5):\n        assert candidate(n) == n * n\n",
    "canonical_solution": "    return n * n\n",
}
DERIVED = {
    "id": "derived",
    "prompt": "",
    "entry_point": "F",
    "test": "def check(candidate):\n    class D(candidate): pass\n    assert D().x() == 1\n",
    "canonical_solution": "class F:\n    def x(self): return 1\n",
}
BROKEN = {**SQUARES, "id": "broken", "canonical_solution": "    return n\n"}
BASE = {"lib.py": "class Lib:\n    pass\n"}
GOLD = {"lib.py": "class Lib:\n    def one(self):\n        return 1\n"}
REPOSITORY = {
    "id": "lib",
    "kind": "repository",
    "prompt": "one() is missing",
    "files": BASE,
    "hidden_tests": {
        "test_lib.py": "import lib\nclass Own(lib.Lib): pass\n\n\ndef test_one(): assert Own().one() == 1\n"
    },
    "gold_patch": diff(BASE, GOLD),
}


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


def lines(*records: dict[str, object]) -> str:
    return "".join(json.dumps(one) + "\n" for one in records)


@pytest.mark.slow
def test_a_grade_names_what_depends_on_state_and_what_sets_off_alarms(console: Console) -> None:
    answers = [
        ("squares", "def f(n, seen=[4, 9, 25]):\n    return seen.pop(0)\n"),
        ("squares", "def f(n):\n    f.n = getattr(f, 'n', -1) + 1\n    return (4, 9, 25)[f.n]\n"),
        (
            "squares",
            "def f(n):\n    open('k', 'a').write('x')\n    return (4, 9, 25)[len(open('k').read()) - 1]\n",
        ),
        ("squares", "def f(n):\n    return n ** 2\n"),
        ("derived", "import sys\nclass F:\n    def x(self): return sys._getframe(1) and 1\n"),
    ]
    (console.home / "suite.jsonl").write_text(lines(SQUARES, DERIVED))
    samples = [{"task_id": case, "solution": text} for case, text in answers]
    (console.home / "samples.jsonl").write_text(lines(*samples))

    done = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "-q", "--no-results")

    section = done.out.partition("not passed")[2]
    assert [section.count(f"squares #{n}  failed  stateful: ") for n in range(4)] == [1, 1, 1, 0]
    assert "derived #0  suspicious (weaker)  it passed, and set off alarms: frames (solution.py:x)" in section


@pytest.mark.slow
def test_an_audit_says_how_strong_verdicts_on_each_case_are(console: Console) -> None:
    (console.home / "suite.jsonl").write_text(lines(SQUARES, DERIVED, BROKEN, REPOSITORY))

    python = ("--python", str(only_pytest()))
    done = console.run("bench", "audit", "suite.jsonl", "-o", "found.json", *python)

    report = json.loads((console.home / "found.json").read_text())
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        "suite: 4 cases: 1 strong, 1 decoyed, 1 weaker, 1 none (25% strong)",
        "  own answers that pass  3 of 4",
        "  empty answers that fail  3 of 3",
    ]
    assert done.out.splitlines()[3:6] == [
        "  classes of cheats that tests offer a surface to, with the rates in docs/reference/judging.md",
        "    operators on test objects  1: lib",
        "    habits of tests            1: lib",
    ]
    assert "broken  not judged (own answer: failed)" in done.out
    assert [one["exposures"] for one in report["cases"]] == [
        [],
        [],
        [],
        ["operators on test objects", "habits of tests"],
    ]
    assert report["exposures"] == {"operators on test objects": 1, "habits of tests": 1}
    assert report["strengths"] == {"strong": 1, "decoyed": 1, "weaker": 1, "none": 1}
    assert [one["own"] for one in report["cases"]] == ["passed", "passed", "failed", "passed"]


@pytest.mark.slow
def test_an_own_answer_that_cannot_be_judged_counts_among_those_that_were_tried(console: Console) -> None:
    wrong = {**REPOSITORY, "id": "wrong", "gold_patch": diff(BASE, {"lib.py": "class Lib:\n    one = 1\n"})}
    (console.home / "suite.jsonl").write_text(lines(SQUARES, wrong))

    done = console.run("bench", "audit", "suite.jsonl", "--python", str(only_pytest()))

    assert "  own answers that pass  1 of 2" in done.out.splitlines()
    assert "wrong  not judged: " in done.out


@pytest.mark.slow
@pytest.mark.parametrize("body", ["pass", "assert True", "candidate(2)"])
def test_an_audit_names_a_test_that_an_answer_passes_which_does_nothing(console: Console, body: str) -> None:
    idle = {**SQUARES, "id": "idle", "test": f"def check(candidate):\n    {body}\n"}
    (console.home / "suite.jsonl").write_text(lines(SQUARES, idle))

    done = console.run("bench", "audit", "suite.jsonl")

    assert done.code == 1
    assert "1 strong, 1 weaker" in done.out
    assert "its test can't fail: an answer that only returns None passes it" in done.out


@pytest.mark.slow
def test_an_audit_names_a_case_whose_test_takes_one_value_for_the_answer(
    console: Console,
) -> None:
    least = {
        "id": "least",
        "prompt": "",
        "entry_point": "least",
        "test": "def check(candidate):\n    assert candidate(1, 2) == 1\n",
        "canonical_solution": "def least(a, b):\n    return min(a, b)\n",
    }
    two = {**least, "id": "two", "test": "def check(candidate):\n    assert candidate(3, 2) == 2\n"}
    (console.home / "suite.jsonl").write_text(lines(SQUARES, least, two))

    done = console.run("bench", "audit", "suite.jsonl")

    assert done.code == 0
    assert "3 strong" in done.out
    assert "least  an answer that only returns its first argument passes" in done.out
    assert "two  an answer that only returns 2, which its test expects first, passes" in done.out
    assert "squares" not in done.out


@pytest.mark.slow
def test_an_audit_that_cannot_be_written_is_shown_all_the_same(console: Console) -> None:
    (console.home / "suite.jsonl").write_text(lines(SQUARES))

    done = console.run("bench", "audit", "suite.jsonl", "-o", "/proc/nowhere/found.json")

    assert done.code == 5
    assert "1 strong" in done.out
    assert "Can't write /proc/nowhere/found.json" in done.err
