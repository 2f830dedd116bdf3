"""A report's file: it comes back whole, and what doesn't follow from its verdicts is not believed."""

import json
from pathlib import Path

import pytest

from benchmarks.report import write_report
from benchmarks.reports.read_report import read_report
from coder.base.errors import UsageError
from tests.benchmarks.reports.reports_made import report_of, suite_of


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    report = report_of({"a": "p", "b": "t"}, detail="\x1b[31m<b>\ufffd\n")

    write_report(report, tmp_path / "deep" / "report.json")

    assert read_report(tmp_path / "deep" / "report.json") == report
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.json"]


def test_a_report_from_before_groups_and_commands_is_read(tmp_path: Path) -> None:
    document = json.loads(report_of({"a": "p", "b": "f"}).model_dump_json())
    older = {key: value for key, value in document.items() if key not in ("command", "kinds", "difficulties")}
    path = tmp_path / "report.json"
    path.write_text(json.dumps(older))

    report = read_report(path)

    assert (report.command, report.kinds, report.difficulties) == (None, {}, {})


@pytest.mark.parametrize("text", ["", "{}", "[", '{"format": "coder-report", "version": 1}', "\xff"])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(UsageError, match="no report"):
        read_report(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["pass_at", "interval", "cost_usd", "seconds"])
def test_a_figure_that_is_no_number_is_refused(tmp_path: Path, field: str, number: str) -> None:
    document = json.loads(report_of({"a": "pp"}, cost=0.5).model_dump_json())
    wrong = {
        "pass_at": {"pass_at": {"1": 0.0}},
        "interval": {"interval": [0.0, 1.0]},
        "cost_usd": {"cost_usd": 0.0},
        "seconds": {"times": {"seconds": 0.0}},
    }[field]
    path = tmp_path / "report.json"
    path.write_text(
        json.dumps(document | wrong).replace(
            json.dumps(wrong)[1:-1], json.dumps(wrong)[1:-1].replace("0.0", number)
        )
    )

    with pytest.raises(UsageError, match="is no report of coder bench"):
        read_report(path)


def test_a_report_of_another_version_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"format": "coder-report", "version": 2}')

    with pytest.raises(UsageError, match="another version"):
        read_report(path)


def test_figures_that_do_not_follow_from_the_verdicts_are_made_anew(tmp_path: Path) -> None:
    report = report_of({"a": "pp", "b": "fp", "c": "fi"}, suite=suite_of("c", "x", "b", "a"), cost=0.5)
    flattering = {
        "samples": 7,
        "pass_at": {"1": 0.99, "2": 1.0},
        "interval": [0.98, 1.0],
        "bounds": [0.9, 1.0],
        "outcomes": {"passed": 6},
        "strengths": {"strong": 7},
        "cost_usd": 0.0,
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**json.loads(report.model_dump_json()), **flattering}))

    assert read_report(path) == report


@pytest.mark.parametrize(
    "changed",
    [
        {"cases": 2},
        {"missing": ["a"]},
        {"pass_at": {"one": 1.0}},
        {"pass_at": {"0": 1.0}},
    ],
)
def test_a_report_that_contradicts_itself_is_refused(tmp_path: Path, changed: dict[str, object]) -> None:
    report = report_of({"a": "p", "b": "f", "c": "p"})
    path = tmp_path / "report.json"
    path.write_text(json.dumps({**json.loads(report.model_dump_json()), **changed}))

    with pytest.raises(UsageError, match="contradicts itself"):
        read_report(path)
