"""`coder gate --confirm N`: fresh samples of lost cases, taken on both sides as their runs were made."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.report import write_report
from benchmarks.reports.read_report import read_report
from tests.benchmarks.reports.reports_made import report_of
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import Reply, Request, faulty_endpoint, says

CASES = [
    {
        "id": name,
        "prompt": f"def f{i}(n):\n    '''n'''\n",
        "entry_point": f"f{i}",
        "test": "def check(candidate):\n    assert candidate(5) == 5\n",
    }
    for i, name in enumerate(["a[0]|x", "b", "c"])
]
GATE = ("gate", "new.json", "--baseline", "old.json", "--max-drop", "0.9")


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """With suite.jsonl: three cases."""
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(one) + "\n" for one in CASES))
    return Console(tmp_path)


@pytest.mark.slow
def test_fresh_samples_tell_a_worse_case_from_one_that_was_lost_by_chance(console: Console) -> None:
    answers: list[str] = []

    def answer(request: Request) -> Reply:
        name = re.findall(r"def (f\d)\(", str(request.body["messages"]))[-1]
        is_new = request.body["model"] == "new"
        answers.append(name)
        by_chance = name == "f1" and len(answers) <= 6
        is_wrong = is_new and (name == "f0" or by_chance)
        return says(f"```python\ndef {name}(n):\n    return {'n + 1' if is_wrong else 'n'}\n```")

    with faulty_endpoint(answer) as server:
        for name in ("old", "new"):
            words = ("suite.jsonl", "--one-shot", "-m", name, "--base-url", server.url, "-o", f"{name}.json")
            assert console.run("bench", "run", *words).code == 0
        few = console.run(*GATE, "--confirm", "2", CODER_BASE_URL=server.url)
        confirmed = console.run(*GATE, "--confirm", "6", CODER_BASE_URL=server.url)
        elsewhere = console.run(*GATE, "--confirm", "6")
        count = len(server.requests)

    assert (few.code, "--confirm 4" in few.err) == (2, True), few.err
    assert confirmed.code == 1, confirmed.err
    assert "24 fresh samples of 2 lost cases are taken." in confirmed.err
    assert "2 lost cases tried again; worse in fresh samples: a[0]|x (p = 0.0022)" in confirmed.out
    assert count == 6 + 24
    assert (elsewhere.code, "its --base-url isn't yours" in elsewhere.err) == (2, True)
    assert "--filter 'a[[]0]?x|b' --samples 6 -o FILE" in elsewhere.err


def with_command(report: Path, command: str | None) -> None:
    write_report(read_report(report).model_copy(update={"command": command, "model": "m"}), report)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (None, "doesn't say which run of a model"),
        ("coder bench grade suite.jsonl --samples s.jsonl", "doesn't say which run of a model"),
        ("coder bench run suite.jsonl --agent oracle", "is no run of a model"),
        ("coder bench run --resume bench_1", "was continued by --resume"),
        ("coder bench run suite.jsonl -m openai/m@https://other.example/v1", "names an address"),
        ("coder bench run suite.jsonl --base-url https://other.example/v1", "isn't yours"),
        ("coder bench run gone.jsonl -m toy", "gone.jsonl"),
        ("coder bench run suite.jsonl --max-calls many", "valid integer"),
    ],
)
def test_what_cannot_be_run_again_says_what_to_type_instead(
    tmp_path: Path, command: str | None, said: str
) -> None:
    for name, letter in (("old", "p"), ("new", "f")):
        write_report(report_of({"b": letter}), tmp_path / f"{name}.json")
        with_command(tmp_path / f"{name}.json", command)

    done = Console(tmp_path).run(*GATE, "--confirm", "6")

    assert (done.code, said in done.err) == (2, True), done.err
    assert "give both sides: --confirm FILE --confirm-baseline FILE" in done.err


def test_a_case_is_lost_by_the_minimum_strength_of_the_reports_too(tmp_path: Path) -> None:
    sides = {"old": report_of({"b": "p"}), "new": report_of({"b": "p"}, strengths={"b": "weak"})}
    for name, report in sides.items():
        strict = report.model_copy(update={"min_strength": "apart"})
        write_report(strict, tmp_path / f"{name}.json")

    done = Console(tmp_path).run(*GATE, "--confirm", "6")

    assert (done.code, "12 fresh samples of 1 lost case are taken." in done.err) == (2, True), done.err


def test_without_a_lost_case_no_sample_is_taken(tmp_path: Path) -> None:
    for name in ("old", "new"):
        write_report(report_of({f"c{i}": "ppp" for i in range(20)}, model=name), tmp_path / f"{name}.json")

    assert Console(tmp_path).run(*GATE, "--confirm", "6").code == 0
