"""Compare two runs over one suite case by case: what changed, and whether it is significant."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import inf
from typing import Literal

from benchmarks.report import Report
from benchmarks.stats.paired import bootstrap_test, difference_interval, holm, mcnemar, sign_flip
from benchmarks.stats.scores import wilson_interval
from benchmarks.stats.strong_passes import strictest_of, with_min_strength
from benchmarks.verdict import Strength
from coder.base.errors import UsageError
from sandbox.result import Value

MIN_REPEATS = 3
"""Minimum number of samples of a case on each side for a regression."""

Method = Literal["mcnemar", "sign-flip", "bootstrap"]
ChangeKind = Literal["regressed", "recovered", "changed"]
"""regressed: every sample passed before and fails now, at least three on each side; recovered: the reverse.
changed: any other difference, which may be chance."""
KINDS: tuple[ChangeKind, ...] = ("regressed", "recovered", "changed")


class Tally(Value):
    """Number of samples of one case, and of passed samples."""

    samples: int
    passed: int

    @property
    def share(self) -> Fraction:
        """Share of passed samples; 0 if there are no samples."""
        return Fraction(self.passed, self.samples) if self.samples else Fraction(0)


class CaseChange(Value):
    """Case that passes more or less often than before."""

    id: str
    before: Tally
    after: Tally
    kind: ChangeKind


class Comparison(Value):
    """Comparison of a run with an earlier one."""

    suite: str
    cases: int
    """Number of cases that both runs have."""
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed on both sides: the strictest of the reports' rules."""
    before: float
    after: float
    """pass@1 of the later run over these cases; `before` is that of the earlier run."""
    difference: float
    interval: tuple[float, float]
    """95 % interval of the difference, by a bootstrap over cases; Wilson's if all differences are equal."""
    p_value: float
    method: Method
    corrected_p: float | None = None
    """p-value corrected by Holm's method, if several runs were compared with one."""
    changes: tuple[CaseChange, ...]
    """Changed cases, in the order of the suite."""
    other: tuple[str, ...] = ()
    """Differing digests, other than that of the answers, such as the judge's: other possible causes."""
    flaky: tuple[str, ...] | None = None
    """Cases whose verdicts differ though both runs judged equal answers; None if the answers differ."""

    def named(self, kind: ChangeKind) -> list[str]:
        """Return the ids of cases with one kind of change."""
        return [change.id for change in self.changes if change.kind == kind]


def compare(before: Sequence[Report], after: Sequence[Report]) -> Comparison:
    """Compare a run, or its repeats, with an earlier run. Raises UsageError if the suites differ."""
    require_one_suite([*before, *after])
    least = strictest_of([*before, *after])
    before = [with_min_strength(report, least) for report in before]
    after = [with_min_strength(report, least) for report in after]
    earlier, later = tallies(before), tallies(after)
    case_ids = [case for case in earlier if case in later]
    if not case_ids:
        raise UsageError("The reports have no case in common.")
    differences = [later[case].share - earlier[case].share for case in case_ids]
    p_value, method = _test([(earlier[case], later[case]) for case in case_ids])
    return Comparison(
        suite=before[0].suite,
        cases=len(case_ids),
        min_strength=least,
        before=float(sum(earlier[case].share for case in case_ids) / len(case_ids)),
        after=float(sum(later[case].share for case in case_ids) / len(case_ids)),
        difference=float(sum(differences) / len(case_ids)),
        interval=_interval([float(difference) for difference in differences]),
        p_value=p_value,
        method=method,
        changes=tuple(
            _changes(earlier, later, case_ids, min_draws=min(_max_draws(before), _max_draws(after)))
        ),
        other=_differing_digests([*before, *after]),
        flaky=_flaky_cases(before, after),
    )


def compare_several(first: Report, others: Sequence[Report]) -> list[Comparison]:
    """Compare each of several runs with the first; p-values are corrected for multiple tests."""
    comparisons = [compare([first], [other]) for other in others]
    if len(comparisons) < 2:
        return comparisons
    corrected_p_values = holm([comparison.p_value for comparison in comparisons])
    return [
        comparison.model_copy(update={"corrected_p": p})
        for comparison, p in zip(comparisons, corrected_p_values, strict=True)
    ]


def tallies(reports: Iterable[Report]) -> dict[str, Tally]:
    """Return samples and passes of each case, summed over repeats, in the order of the suite."""
    counts: dict[str, list[int]] = {}
    for report in reports:
        rows = {*report.rows}
        for verdict in report.verdicts:
            if verdict.id in rows:
                continue
            count = counts.setdefault(verdict.id, [0, 0])
            count[0] += 1
            count[1] += report.is_pass(verdict)
        for case in report.missing:
            counts.setdefault(case, [0, 0])
    return {case: Tally(samples=n, passed=c) for case, (n, c) in counts.items()}


def require_one_suite(reports: Sequence[Report]) -> None:
    """Raise UsageError unless all reports are of one suite."""
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
        lost_count = sum(old.passed > new.passed for old, new in pairs)
        gained_count = sum(new.passed > old.passed for old, new in pairs)
        return mcnemar(lost_count, gained_count), "mcnemar"
    differences = [new.share - old.share for old, new in pairs]
    if all(old.samples == new.samples for old, new in pairs):
        return sign_flip(differences), "sign-flip"
    return bootstrap_test([float(difference) for difference in differences]), "bootstrap"


def _interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the interval of the mean difference; Wilson's interval if all differences are equal."""
    if len({*differences}) > 1:
        return difference_interval(differences)
    low, high = wilson_interval(abs(sum(differences)), len(differences))
    difference = differences[0]
    return (-high, high) if difference == 0 else (low, high) if difference > 0 else (-high, -low)


def _changes(
    earlier: Mapping[str, Tally], later: Mapping[str, Tally], case_ids: Sequence[str], *, min_draws: float
) -> Iterable[CaseChange]:
    """Yield cases that passed more or less often; `min_draws` is the smaller of both sides' draws."""
    for case in case_ids:
        before, after = earlier[case], later[case]
        if before.share != after.share:
            yield CaseChange(id=case, before=before, after=after, kind=_kind(before, after, min_draws))


def _max_draws(reports: Sequence[Report]) -> float:
    """Return the maximum number of draws of one case: greedy samples of one run count as one draw."""
    return sum(1 if report.greedy else inf for report in reports)


def _kind(before: Tally, after: Tally, min_draws: float) -> ChangeKind:
    if min(before.samples, after.samples, min_draws) >= MIN_REPEATS:
        if before.share == 1 and after.share == 0:
            return "regressed"
        if before.share == 0 and after.share == 1:
            return "recovered"
    return "changed"


def _differing_digests(reports: Sequence[Report]) -> tuple[str, ...]:
    names = sorted({name for report in reports for name in report.digests} - {"suite", "samples"})
    return tuple(name for name in names if len({report.digests.get(name) for report in reports}) > 1)


def _flaky_cases(before: Sequence[Report], after: Sequence[Report]) -> tuple[str, ...] | None:
    """Return cases whose verdicts differ though the answers are equal; None if the answers differ."""
    answers = {report.digests.get("samples") for report in (*before, *after)}
    if len(answers) != 1 or None in answers:
        return None
    outcomes_by_sample: dict[tuple[str, int], set[bool]] = {}
    for report in (*before, *after):
        for verdict in report.verdicts:
            outcomes_by_sample.setdefault((verdict.id, verdict.sample), set()).add(report.is_pass(verdict))
    return tuple(
        dict.fromkeys(case for (case, _), outcomes in outcomes_by_sample.items() if len(outcomes) > 1)
    )
