"""`coder bench plan`, as a shell sees it."""

import json
from pathlib import Path

import pytest

from benchmarks.report import write_report
from coder.people.cli.app import run
from tests.benchmarks.reports.reports_made import report_of

SUITE = '{"id": "%s", "prompt": "def f():\\n", "entry_point": "f", "test": "def check(f): pass"}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a suite of forty cases, a thin report of it, and one of another suite."""
    monkeypatch.chdir(tmp_path)
    names = [f"case{number}" for number in range(40)]
    (tmp_path / "suite.jsonl").write_text("".join(SUITE % name for name in names))
    thin = report_of({name: "p" if number % 2 else "f" for number, name in enumerate(names)})
    write_report(thin, tmp_path / "thin.json")
    write_report(report_of({"z": "p"}), tmp_path / "other.json")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--drop 0.1", 0, "samples of each  9 on each side  (--samples 9)"),
        ("--drop 0.2 --from thin.json", 0, "as each case has one sample"),
        ("--drop 0.05 --baseline thin.json", 0, "Take the baseline again with 32: --samples 32"),
        ("--drop 0", 2, "can't be excluded by any number of samples"),
        ("--drop 5", 2, "--drop"),
        ("", 2, "--drop"),
        ("--drop 0.1 --baseline other.json", 2, "has judged no case of suite.jsonl"),
        ("--drop 0.1 --from suite.jsonl", 2, "is no report of coder bench"),
    ],
)
def test_a_plan_says_what_to_type_or_what_is_wrong(
    capsys: pytest.CaptureFixture[str], words: str, code: int, said: str
) -> None:
    assert run(["bench", "plan", "suite.jsonl", *words.split()]) == code

    written = capsys.readouterr()
    assert said in " ".join((written.out + written.err).split("\n"))


@pytest.mark.usefixtures("folder")
def test_a_plan_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "plan", "suite.jsonl", "--drop", "0.1", "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["cases"], answer["source"]) == (40, "nothing")
