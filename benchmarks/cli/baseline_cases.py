"""Find which cases of a suite a baseline has judged, before a run is paid for."""

from pathlib import Path

from benchmarks.report import Report
from benchmarks.stats.comparison import judged_tallies
from benchmarks.suite import Suite
from coder.base.errors import UsageError

_OLDER = "is of an older version, which doesn't keep what each case was, and its suite isn't"


def judged_samples(path: Path, baseline: Report, suite: Suite) -> dict[str, int]:
    """Return the number of judged samples of each case that a suite still has.

    Raises UsageError if there is none.
    """
    judged = {case: tally.samples for case, tally in judged_tallies([baseline]).items() if tally.samples}
    digests = {case.id: case.digest for case in suite.cases}
    is_same_suite = baseline.digests.get("suite") == suite.digest
    counts = {
        case: count
        for case, count in judged.items()
        if case in digests and (is_same_suite or baseline.case_digests.get(case) == digests[case])
    }
    if not counts:
        reason = f"has judged no case of {suite.name}"
        if digests.keys() & judged:
            reason = f"has judged other prompts or tests than {suite.name} has now"
            reason = reason if baseline.case_digests else f"{_OLDER} {suite.name}"
        raise UsageError(f"{path} {reason}. Take a baseline of the suite as it is now.")
    return counts
