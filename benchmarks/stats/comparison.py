"""Compare two runs over one suite case by case: what changed, and whether it is significant."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import inf
from typing import Literal

from benchmarks.report import Report
from benchmarks.stats.paired import bootstrap_test, difference_interval, holm, mcnemar, sign_flip
from benchmarks.stats.scores import wilson_interval
from coder.base.errors import UsageError
from sandbox.result import Value

REPEATS = 3
"""Samples of a case required on either side to call it regressed."""

Method = Literal["mcnemar", "sign-flip", "bootstrap"]
ChangeKind = Literal["regressed", "recovered", "changed"]
"""regressed: passed every time, now fails every time, at least three times each; recovered: the reverse.
changed: anything less, which may be chance."""
KINDS: tuple[ChangeKind, ...] = ("regressed", "recovered", "changed")


class Tally(Value):
    """Samples of one case, and how many passed."""

    samples: int
    passed: int

    @property
    def share(self) -> Fraction:
        """Share of passed samples; 0 without samples."""
        return Fraction(self.passed, self.samples) if self.samples else Fraction(0)


class CaseChange(Value):
    """A case that passes more or less often than before."""

    id: str
    before: Tally
    after: Tally
    kind: ChangeKind


class Comparison(Value):
    """Comparison of a run with an earlier one."""

    suite: str
    cases: int
    """Number of cases that both runs score."""
    before: float
    after: float
    """pass@1 over these cases."""
    difference: float
    interval: tuple[float, float]
    """95 % interval of the difference, by a bootstrap over cases; Wilson's where all cases differ alike."""
    p_value: float
    method: Method
    corrected_p: float | None = None
    """Corrected by Holm, where several runs were compared with one."""
    changes: tuple[CaseChange, ...]
    """In the order of the suite."""
    other: tuple[str, ...] = ()
    """Digests that differ beside the answers', such as the judge's: other possible causes."""
    flaky: tuple[str, ...] | None = None
    """Cases whose verdicts differ though both judged the same answers. None: other answers."""

    def named(self, kind: ChangeKind) -> list[str]:
        """The cases of one kind of change."""
        return [change.id for change in self.changes if change.kind == kind]


def compare(before: Sequence[Report], after: Sequence[Report]) -> Comparison:
    """Compare a run, or several repeats of it, with an earlier one. Raises UsageError: other suites."""
    refuse_other_suites([*before, *after])
    old, new = tallies(before), tallies(after)
    shared = [case for case in old if case in new]
    if not shared:
        raise UsageError("The reports have no case in common that counts.")
    differences = [new[case].share - old[case].share for case in shared]
    p_value, method = _test([(old[case], new[case]) for case in shared])
    return Comparison(
        suite=before[0].suite,
        cases=len(shared),
        before=float(sum(old[case].share for case in shared) / len(shared)),
        after=float(sum(new[case].share for case in shared) / len(shared)),
        difference=float(sum(differences) / len(shared)),
        interval=_interval([float(difference) for difference in differences]),
        p_value=p_value,
        method=method,
        changes=tuple(_changes(old, new, shared, least=min(_draws(before), _draws(after)))),
        other=_other([*before, *after]),
        flaky=_flaky(before, after),
    )


def compare_several(first: Report, others: Sequence[Report]) -> list[Comparison]:
    """Compare each of several runs with one; p-values are corrected for multiple tests."""
    found = [compare([first], [other]) for other in others]
    if len(found) < 2:
        return found
    corrected = holm([item.p_value for item in found])
    return [one.model_copy(update={"corrected_p": p}) for one, p in zip(found, corrected, strict=True)]


def tallies(reports: Iterable[Report]) -> dict[str, Tally]:
    """Samples and passes of each scored case, summed over repeats, in the order of the suite."""
    reports = list(reports)
    left_out = {case for report in reports for case in report.left_out}
    counts: dict[str, list[int]] = {}
    for report in reports:
        for verdict in report.verdicts:
            count = counts.setdefault(verdict.id, [0, 0])
            count[0] += 1
            count[1] += verdict.verdict == "passed"
        for case in report.missing:
            counts.setdefault(case, [0, 0])
    return {case: Tally(samples=n, passed=c) for case, (n, c) in counts.items() if case not in left_out}


def refuse_other_suites(reports: Sequence[Report]) -> None:
    """Raise UsageError unless all runs are over the same cases."""
    first = reports[0]
    for other in reports[1:]:
        if other.digests.get("suite") != first.digests.get("suite"):
            raise UsageError(
                f"The reports are of different suites: {_suite(first)} and {_suite(other)}.\n"
                "Their cases aren't the same, so their scores can't be compared. Run both over one suite."
            )


def _suite(report: Report) -> str:
    return f"{report.suite} {report.suite_version} (digest {report.digests.get('suite', 'missing')[:12]})"


def _test(pairs: Sequence[tuple[Tally, Tally]]) -> tuple[float, Method]:
    if all(old.samples <= 1 and new.samples <= 1 for old, new in pairs):
        lost = sum(old.passed > new.passed for old, new in pairs)
        gained = sum(new.passed > old.passed for old, new in pairs)
        return mcnemar(lost, gained), "mcnemar"
    differences = [new.share - old.share for old, new in pairs]
    if all(old.samples == new.samples for old, new in pairs):
        return sign_flip(differences), "sign-flip"
    return bootstrap_test([float(difference) for difference in differences]), "bootstrap"


def _interval(differences: Sequence[float]) -> tuple[float, float]:
    """Interval of the mean difference; Wilson's, as of a score, where resampling has no variance."""
    if len({*differences}) > 1:
        return difference_interval(differences)
    low, high = wilson_interval(abs(sum(differences)), len(differences))
    first = differences[0]
    return (-high, high) if first == 0 else (low, high) if first > 0 else (-high, -low)


def _changes(
    old: Mapping[str, Tally], new: Mapping[str, Tally], shared: Sequence[str], *, least: float
) -> Iterable[CaseChange]:
    """Cases that passed more or less often; `least`: smaller number of draws of a case on the two sides."""
    for case in shared:
        before, after = old[case], new[case]
        if before.share != after.share:
            yield CaseChange(id=case, before=before, after=after, kind=_kind(before, after, least))


def _draws(reports: Sequence[Report]) -> float:
    """Most draws of one case: the greedy samples of one run are equal."""
    return sum(1 if report.greedy else inf for report in reports)


def _kind(before: Tally, after: Tally, least: float) -> ChangeKind:
    if min(before.samples, after.samples, least) >= REPEATS:
        if before.share == 1 and after.share == 0:
            return "regressed"
        if before.share == 0 and after.share == 1:
            return "recovered"
    return "changed"


def _other(reports: Sequence[Report]) -> tuple[str, ...]:
    names = sorted({name for report in reports for name in report.digests} - {"suite", "samples"})
    return tuple(name for name in names if len({report.digests.get(name) for report in reports}) > 1)


def _flaky(before: Sequence[Report], after: Sequence[Report]) -> tuple[str, ...] | None:
    """Cases whose verdicts differ though the answers are the same."""
    answers = {report.digests.get("samples") for report in (*before, *after)}
    if len(answers) != 1 or None in answers:
        return None
    seen: dict[tuple[str, int], set[bool]] = {}
    for report in (*before, *after):
        for verdict in report.verdicts:
            seen.setdefault((verdict.id, verdict.sample), set()).add(verdict.verdict == "passed")
    return tuple(dict.fromkeys(case for (case, _), outcomes in seen.items() if len(outcomes) > 1))
