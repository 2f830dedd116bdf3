"""Read a report: take its verdicts, and recompute every figure."""

from pathlib import Path

from pydantic import ValidationError

from benchmarks.report import Report
from benchmarks.stats.scoring import recompute_figures
from benchmarks.suites.records import list_errors, read_document
from coder.base.errors import UsageError


def read_report(path: Path) -> Report:
    """Read a JSON report. Raises UsageError if it is invalid or contradicts itself."""
    text = read_document(path)
    try:
        report = Report.model_validate_json(text)
    except ValidationError as cause:
        if any(error["loc"] == ("version",) for error in cause.errors()) and b'"coder-report"' in text:
            message = f"{path} was written by another version of coder. Write it anew with this one."
            raise UsageError(message) from cause
        problem = "\n".join(list_errors(cause).splitlines()[:3])
        raise UsageError(f"{path} is no report of coder bench (--json).\n{problem}") from cause
    try:
        return recompute_figures(report)
    except ValueError as cause:
        message = f"{path} contradicts itself: {cause}.\nTake the file as bench run or grade wrote it."
        raise UsageError(message) from cause
