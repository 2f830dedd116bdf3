"""Compare two runs over one suite case by case: what changed, and whether it is significant."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from benchmarks.report import Report
from benchmarks.stats.difference import Method, Pair, Tally, difference_of
from benchmarks.stats.draws import distinct_draws
from benchmarks.stats.strong_passes import strictest_of, with_min_strength
from benchmarks.verdict import Strength
from coder.base.errors import UsageError
from sandbox.result import Value

ChangeKind = Literal["lost", "gained", "worse", "better"]
"""lost: every sample passed before and fails now, which may be chance; gained: the reverse.
worse, better: any other difference of the shares of passed samples."""
KINDS: tuple[ChangeKind, ...] = ("lost", "gained", "worse", "better")


class CaseChange(Value):
    """Case that passes more or less often than before."""

    id: str
    before: Tally
    after: Tally
    kind: ChangeKind


class GroupChange(Value):
    """Difference of the cases of one group, such as those of a category."""

    of: str
    """What it is a group of: kind, difficulty, category or tag."""
    name: str
    cases: int
    before: float
    after: float
    interval: tuple[float, float]
    """95 % interval of the difference, corrected for the number of groups by Bonferroni."""

    @property
    def has_moved(self) -> bool:
        """Whether the interval lacks 0."""
        return self.interval[0] > 0 or self.interval[1] < 0


class Comparison(Value):
    """Comparison of a run with an earlier one, over the cases that both have judged."""

    suite: str
    cases: int
    """Number of cases that both runs have judged."""
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed on both sides: the strictest of the reports' rules."""
    before: float
    after: float
    """pass@1 of the later run over these cases; `before` is that of the earlier run."""
    difference: float
    interval: tuple[float, float]
    """95 % interval of the difference over new samples of these cases, by `method`, as `p_value` is."""
    p_value: float
    """Two-sided p-value of no difference: below 0.05 where the interval doesn't hold 0, and only there."""
    method: Method
    comparisons: int = 1
    """Number of comparisons for which p-value and interval are corrected, by Bonferroni."""
    changes: tuple[CaseChange, ...]
    """Changed cases, in the order of the suite."""
    groups: tuple[GroupChange, ...] = ()
    """Groups of cases, where there are several."""
    unjudged: tuple[str, ...] = ()
    """Cases without a verdict in one of the runs, which are left out."""
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    other_content: tuple[str, ...] = ()
    """Cases of both runs that are left out since their prompt or tests aren't the same."""
    other: tuple[str, ...] = ()
    """Differing digests, other than that of the answers, such as the judge's: other possible causes."""
    flaky: tuple[str, ...] | None = None
    """Cases whose verdicts differ though both runs judged equal answers; None if the answers differ."""

    def named(self, kind: ChangeKind) -> list[str]:
        """Return the ids of cases with one kind of change."""
        return [change.id for change in self.changes if change.kind == kind]


@dataclass(frozen=True, slots=True)
class CommonCases:
    """Cases of two runs by whether they can be compared, in the order of the later run's suite."""

    pairs: Mapping[str, Pair]
    """Cases that both runs have judged."""
    if_lost: Mapping[str, Pair]
    """All common cases, where each sample without a verdict counts against the later run."""
    unjudged: tuple[str, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    other_content: tuple[str, ...]


def common_cases(before: Sequence[Report], after: Sequence[Report]) -> CommonCases:
    """Pair the cases of two runs. Raises UsageError if they have none in common."""
    earlier, later = _judged(before), _judged(after)
    common = [case for case in later if case in earlier]
    digests = [_case_digests(side) for side in (before, after)]
    suites = {report.digests.get("suite") for report in (*before, *after)}
    is_same_suite = len(suites) == 1 and None not in suites
    same = [case for case in common if is_same_suite or digests[0].get(case) == digests[1].get(case)]
    if not same:
        older = "" if all(digests) else " A report of an older version doesn't keep what its cases were."
        raise UsageError(
            f"The reports have no case in common: {_suite(before[0])} and {_suite(after[0])}.{older}\n"
            "Compare runs over one suite, or over suites that share cases."
        )
    pairs = {
        case: (earlier[case].tally, later[case].tally)
        for case in same
        if earlier[case].tally.samples and later[case].tally.samples
    }
    return CommonCases(
        pairs=pairs,
        if_lost={
            case: (earlier[case].if_unjudged(passed=True), later[case].if_unjudged(passed=False))
            for case in same
        },
        unjudged=tuple(case for case in same if case not in pairs),
        only_before=tuple(case for case in earlier if case not in later),
        only_after=tuple(case for case in later if case not in earlier),
        other_content=tuple(case for case in common if case not in {*same}),
    )


def compare(before: Sequence[Report], after: Sequence[Report], *, comparisons: int = 1) -> Comparison:
    """Compare a run, or its repeats, with an earlier run. Raises UsageError if no case can be compared.

    Args:
        comparisons: number of comparisons to correct p-value and interval for.
    """
    least = strictest_of([*before, *after])
    before = [with_min_strength(report, least) for report in before]
    after = [with_min_strength(report, least) for report in after]
    common = common_cases(before, after)
    if not common.pairs:
        raise UsageError("No case has a verdict in both runs, so they can't be compared.")
    pairs = [*common.pairs.values()]
    difference = difference_of(pairs)
    return Comparison(
        suite=after[0].suite,
        cases=len(pairs),
        min_strength=least,
        before=float(sum(old.share for old, _ in pairs) / len(pairs)),
        after=float(sum(new.share for _, new in pairs) / len(pairs)),
        difference=difference.value,
        interval=difference.interval(1 - 0.05 / comparisons),
        p_value=min(1.0, difference.p_value * comparisons),
        method=difference.method,
        comparisons=comparisons,
        changes=tuple(_changes(common.pairs)),
        groups=tuple(_groups(common.pairs, after[-1], comparisons)),
        unjudged=common.unjudged,
        only_before=common.only_before,
        only_after=common.only_after,
        other_content=common.other_content,
        other=_differing_digests([*before, *after]),
        flaky=_flaky_cases(before, after),
    )


def compare_several(first: Report, others: Sequence[Report]) -> list[Comparison]:
    """Compare each of several runs with the first, corrected for their number."""
    return [compare([first], [other], comparisons=len(others)) for other in others]


def tallies(reports: Iterable[Report]) -> dict[str, Tally]:
    """Return samples and passes of each case, summed over repeats, in the order of the suite.

    What has no verdict counts as not passed; samples that are copies of one draw count as one.
    """
    return {
        case: Tally(samples=draws.judged + draws.unjudged, passed=draws.passed)
        for case, draws in _judged(reports).items()
    }


def judged_tallies(reports: Iterable[Report]) -> dict[str, Tally]:
    """Return judged samples and passes of each case: as `tallies`, without what has no verdict."""
    return {case: draws.tally for case, draws in _judged(reports).items()}


def bounding_tallies(reports: Iterable[Report], *, passed: bool) -> dict[str, Tally]:
    """Return samples and passes of each case if all samples without a verdict had passed, or had failed."""
    return {case: draws.if_unjudged(passed=passed) for case, draws in _judged(reports).items()}


@dataclass(slots=True)
class _Draws:
    """Samples of one case."""

    judged: int = 0
    passed: int = 0
    unjudged: int = 0
    missing: int = 0
    """Samples that were to be drawn, and were not."""
    is_unanswered: bool = False
    """Whether a file of answers has none: the case failed, which is a verdict."""

    @property
    def tally(self) -> Tally:
        has_failed = self.is_unanswered and not self.judged
        return Tally(samples=1 if has_failed else self.judged, passed=self.passed)

    def if_unjudged(self, *, passed: bool) -> Tally:
        """Return the tally if samples without a verdict had passed or failed; a case without any is one."""
        judged, unjudged = self.tally.samples, self.unjudged + self.missing
        unjudged = unjudged if judged or unjudged else 1
        return Tally(samples=judged + unjudged, passed=self.passed + passed * unjudged)


def _judged(reports: Iterable[Report]) -> dict[str, _Draws]:
    draws: dict[str, _Draws] = {}
    for report in reports:
        for verdict in report.verdicts:
            if verdict.id not in report.rows:
                draws.setdefault(verdict.id, _Draws())
        for case in report.missing:
            draws.setdefault(case, _Draws()).is_unanswered = "samples" in report.digests
        for case, count in report.missing_samples.items():
            if case in draws and not report.greedy:
                draws[case].missing += count
    for report, verdict in distinct_draws(reports):
        of_case = draws[verdict.id]
        is_judged = verdict.verdict != "infrastructure"
        of_case.judged += is_judged
        of_case.unjudged += not is_judged
        of_case.passed += report.is_pass(verdict)
    return draws


def _case_digests(reports: Iterable[Report]) -> dict[str, str]:
    return {case: digest for report in reports for case, digest in report.case_digests.items()}


def _suite(report: Report) -> str:
    return f"{report.suite} {report.suite_version} (digest {report.digests.get('suite', 'missing')[:12]})"


def _changes(pairs: Mapping[str, Pair]) -> Iterator[CaseChange]:
    """Yield cases that passed more or less often."""
    for case, (before, after) in pairs.items():
        if before.share != after.share:
            yield CaseChange(id=case, before=before, after=after, kind=_kind(before, after))


def _groups(pairs: Mapping[str, Pair], report: Report, comparisons: int) -> list[GroupChange]:
    """Return the difference of each group of cases; what all cases are is no group."""
    members: dict[tuple[str, str], list[Pair]] = {}
    for of, names_by_case in report.groups.items():
        if len({name for case in pairs for name in names_by_case.get(case, ())}) > 1 or of == "tag":
            for case, pair in pairs.items():
                for name in names_by_case.get(case, ()):
                    members.setdefault((of, name), []).append(pair)
    confidence = 1 - 0.05 / comparisons / max(1, len(members))
    return [
        GroupChange(
            of=of,
            name=name,
            cases=len(some),
            before=float(sum(old.share for old, _ in some) / len(some)),
            after=float(sum(new.share for _, new in some) / len(some)),
            interval=difference_of(some).interval(confidence),
        )
        for (of, name), some in members.items()
    ]


def _kind(before: Tally, after: Tally) -> ChangeKind:
    is_worse = after.share < before.share
    if {before.share, after.share} == {Fraction(0), Fraction(1)}:
        return "lost" if is_worse else "gained"
    return "worse" if is_worse else "better"


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
