"""`coder bench audit`, as a shell sees it: of answers, and of a suite itself."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.judge.patches import diff
from tests.coder.cli.console import Console

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
MBPP = {
    "task_id": 1,
    "prompt": "Write a function to double a number.",
    "code": "def double(n):\n    return n * 2\n",
    "test_imports": [],
    "test_list": ["assert double(2) == 4", "assert double(3) == 6", "assert double(5) == 10"],
}
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
FORGED = GOLD["lib.py"] + "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n"


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


def lines(*records: dict[str, object]) -> str:
    return "".join(json.dumps(one) + "\n" for one in records)


def test_an_audit_names_what_tampers_what_depends_on_state_and_what_overfits(console: Console) -> None:
    answers = [
        ("squares", "def f(n, seen=[4, 9, 25]):\n    return seen.pop(0)\n"),
        ("squares", "def f(n):\n    f.n = getattr(f, 'n', -1) + 1\n    return (4, 9, 25)[f.n]\n"),
        (
            "squares",
            "def f(n):\n    open('k', 'a').write('x')\n    return (4, 9, 25)[len(open('k').read()) - 1]\n",
        ),
        ("squares", "def f(n):\n    return {2: 4, 3: 9, 5: 25}[n]\n"),
        ("squares", "def f(n):\n    return n * n if n < 6 and n != 4 else 0\n"),
        ("squares", "def f(n):\n    return n ** 2\n"),
        ("derived", "import sys\nclass F:\n    def x(self): return sys._getframe(1) and 1\n"),
    ]
    (console.home / "suite.jsonl").write_text(lines(SQUARES, DERIVED))
    samples = [{"task_id": case, "solution": text} for case, text in answers]
    (console.home / "samples.jsonl").write_text(lines(*samples))

    done = console.run("bench", "audit", "suite.jsonl", "--samples", "samples.jsonl", "-q")

    counts = [line.split("  ")[1:] for line in done.out.splitlines() if line[:2] == "  " != line[2:4]]
    assert (done.code, counts) == (
        1,
        [["tampers", "1"], ["depends on state", "3"], ["overfits", "2"]],
    )
    assert "derived #0  it passed, and set off alarms: frames (solution.py:x)" in done.out


@pytest.mark.slow
def test_an_audit_knows_mbpps_cases_and_repositories(console: Console) -> None:
    (console.home / "mbpp.json").write_text(json.dumps([MBPP]))
    by_heart = "def double(n):\n    return {2: 4, 3: 6, 5: 10}.get(n, 0)\n"
    (console.home / "mbpp_samples.jsonl").write_text(lines({"task_id": "Mbpp/1", "solution": by_heart}))
    (console.home / "suite.jsonl").write_text(lines(REPOSITORY))
    patch = {"instance_id": "lib", "model_patch": diff(BASE, {"lib.py": FORGED})}
    (console.home / "predictions.jsonl").write_text(lines(patch))

    mbpp = console.run("bench", "audit", "mbpp.json", "--samples", "mbpp_samples.jsonl", "-q")
    repository = console.run("bench", "audit", "suite.jsonl", "--samples", "predictions.jsonl", "-q")

    assert "  overfits  1" in mbpp.out
    assert "  tampers  1" in repository.out
    assert "0 of them were compared on fresh inputs" in repository.out
    assert "passed with wrong expectations, too: test_one" in repository.out


@pytest.mark.slow
def test_an_audit_without_answers_says_how_strong_verdicts_on_each_case_are(console: Console) -> None:
    (console.home / "suite.jsonl").write_text(lines(SQUARES, DERIVED, BROKEN, REPOSITORY))

    done = console.run("bench", "audit", "suite.jsonl", "-o", "found.json")

    found = json.loads((console.home / "found.json").read_text())
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        "suite: 4 cases: 1 strong, 1 decoyed, 1 weaker, 1 none (25% strong)",
        "  own answers that pass  3 of 3",
        "  empty answers that fail  3 of 3",
    ]
    assert "broken  judges nobody" in done.out
    assert found["strengths"] == {"strong": 1, "decoyed": 1, "weaker": 1, "none": 1}
    assert [one["own"] for one in found["cases"]] == ["passed", "passed", None, "passed"]


def test_an_audit_that_cannot_be_written_is_shown_all_the_same(console: Console) -> None:
    (console.home / "suite.jsonl").write_text(lines(SQUARES))

    done = console.run("bench", "audit", "suite.jsonl", "-o", "/proc/nowhere/found.json")

    assert done.code == 5
    assert "1 strong" in done.out
    assert "Can't write /proc/nowhere/found.json" in done.err
