"""Read a report: take its verdicts, recompute every figure."""

from pathlib import Path

from pydantic import ValidationError

from benchmarks.report import Report
from benchmarks.stats.scoring import rescored
from benchmarks.suites.records import complaints as said
from benchmarks.suites.records import document
from coder.base.errors import UsageError


def read_report(path: Path) -> Report:
    """Read a JSON report. Raises UsageError if it is invalid or contradicts itself."""
    text = document(path)
    try:
        found = Report.model_validate_json(text)
    except ValidationError as cause:
        if any(error["loc"] == ("version",) for error in cause.errors()) and b'"coder-report"' in text:
            told = f"{path} was written by another version of coder. Write it anew with this one."
            raise UsageError(told) from cause
        problem = "\n".join(said(cause).splitlines()[:3])
        raise UsageError(f"{path} is no report of coder bench (--json).\n{problem}") from cause
    try:
        return rescored(found)
    except ValueError as cause:
        told = f"{path} contradicts itself: {cause}.\nTake the file as bench run or grade wrote it."
        raise UsageError(told) from cause
