"""Format figures for all reports."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TypeVar, get_args

from benchmarks.report import Report
from benchmarks.stats.comparison import Comparison, judged_tallies, tallies
from benchmarks.stats.gate import MOST_DROP, Decision, Gate
from benchmarks.stats.scores import percent
from benchmarks.stats.strong_passes import passes_below
from benchmarks.verdict import STRENGTHS, Outcome, Strength
from coder.base.text.sanitize import count_of
from coder.show.render import money

Name = TypeVar("Name", bound=str)

ORDER: tuple[Outcome, ...] = get_args(Outcome)

SIGNS: dict[Decision, str] = {"passed": "✓", "failed": "✗", "undecided": "?"}
WORDS: dict[Decision, str] = {"passed": "passed", "failed": "not passed", "undecided": "undecided"}

MAX_NAMED = 10
"""Name at most this many cases in a fact."""

LETTERS: dict[Outcome, str] = dict(zip(ORDER, "PFTEXSI", strict=True))
"""Letter for each outcome, shown with the outcome's colour."""


def share(value: float | None) -> str:
    """Format a share as a percentage with one decimal; a dash for None."""
    return "–" if value is None else percent(value)


def interval(bounds: tuple[float, float] | None) -> str:
    """Format an interval of shares as percentages."""
    return "–" if bounds is None else f"{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f} %"


def points(difference: float) -> str:
    """Format a difference of shares, in points with a sign."""
    return f"{100 * difference:+.1f} points"


def points_interval(bounds: tuple[float, float]) -> str:
    """Format an interval of a difference of shares, in points."""
    return f"{100 * bounds[0]:+.1f} to {100 * bounds[1]:+.1f} points"


def p_text(value: float) -> str:
    """Format a p-value with two significant digits."""
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.2g}"


def scores(report: Report) -> list[tuple[str, str]]:
    """Return name and value of each pass@k that isn't None; pass@1 always, with its interval."""
    rows = []
    for k, value in report.pass_at.items():
        if value is not None or k == "1":
            certainty = f"  ({_certainty(report)})" if k == "1" and report.interval else ""
            rows.append((f"pass@{k}", f"{share(value)}{certainty}"))
            if k == "1" and report.shares:
                rows.append(("by strength", share_text(report)))
    for k, value in (report.base_pass_at or {}).items():
        if value is not None:
            rows.append((f"base pass@{k}", share(value)))
    return rows


def share_text(report: Report) -> str:
    """Format the parts of pass@1 by strength, strongest first, such as `strong 50.0 %  weak 25.0 %`."""
    return "  ".join(f"{strength} {share(part)}" for strength, part in report.shares.items())


def rule(min_strength: Strength | None) -> str:
    """Return which passes count, if not all do; else an empty text."""
    return "" if min_strength is None else f"passes below {min_strength} count as not passed"


def _certainty(report: Report) -> str:
    error = report.standard_error
    error_text = f", standard error {100 * error:.1f}" if error is not None else ""
    return f"95 % {interval(report.interval)}{error_text}"


def method(comparison: Comparison) -> str:
    """Return the method of a comparison, and for how many comparisons it is corrected."""
    number = comparison.comparisons
    return f"{comparison.method}, corrected for {number} comparisons" if number > 1 else comparison.method


def left_out(comparison: Comparison) -> list[tuple[str, tuple[str, ...]]]:
    """Return why cases are left out of a comparison, and their ids."""
    return [
        ("no verdict", comparison.unjudged),
        ("new", comparison.only_after),
        ("gone", comparison.only_before),
        ("other tests", comparison.other_content),
    ]


def gate_notes(gate: Gate) -> list[str]:
    """Return what limits the decision of a gate: the drop that it can see, and which passes count."""
    drop = gate.excludes_drop
    notes = []
    if drop is not None:
        excluded = f"excludes a drop of more than {100 * min(drop, MOST_DROP):.1f} points"
        too_few = f"too few samples to exclude a drop of {100 * MOST_DROP:.0f} points"
        has_passed = any(one.name == "baseline" and one.decision == "passed" for one in gate.conditions)
        notes.append(excluded if drop <= MOST_DROP or has_passed else too_few)
    return notes if gate.min_strength is None else [*notes, rule(gate.min_strength)]


def count_text(counts: Mapping[Name, int], order: Sequence[Name]) -> str:
    """Format counts such as `passed 3  failed 1`, in a fixed order, without zeros."""
    return "  ".join(f"{name} {counts[name]}" for name in order if counts.get(name))


def facts(report: Report) -> list[tuple[str, str]]:
    """Return name and value of the facts that are needed to interpret the score."""
    rows = [
        ("samples", f"{count_text(report.outcomes, ORDER) or 'none'}"),
        ("judged", count_text(report.strengths, STRENGTHS) or "none"),
    ]
    if report.bounds is not None and report.bounds[0] != report.bounds[1]:
        rows.append(("bounds", f"{interval(report.bounds)}, as some samples are missing or weren't judged"))
    if report.greedy and report.samples > len({verdict.id for verdict in report.verdicts}):
        rows.append(
            ("drawn", "greedily, without randomness: samples of one case are alike, and count as one")
        )
    if not report.independent and not report.greedy and any(k != "1" for k in report.pass_at):
        rows.append(("pass@k", "for k = 1 alone, as samples depend on one another by --lessons"))
    missing = [f"{count_of(len(report.missing), 'case')} without a sample count as not passed"]
    if few := report.missing_samples:
        missing.append(f"{count_of(sum(few.values()), 'sample')} of {count_of(len(few), 'case')}")
    if report.missing or few:
        rows.append(("missing", "; ".join(missing if report.missing else missing[1:])))
    if flaky := _cases_that_vary(report):
        more = f" and {len(flaky) - MAX_NAMED:,} more" if len(flaky) > MAX_NAMED else ""
        rows.append(("varying", f"{count_of(len(flaky), 'case')}: {', '.join(flaky[:MAX_NAMED])}{more}"))
    if report.min_strength is not None:
        weaker = len(passes_below(report, report.min_strength))
        rows.append(("min strength", f"{rule(report.min_strength)}: {weaker:,} of them"))
    if report.usage:
        tokens = sum(usage.input_tokens + usage.output_tokens for usage in report.usage)
        calls = sum(usage.calls for usage in report.usage)
        counts = [count_of(calls, "call")] * bool(calls) + [count_of(tokens, "token")] * bool(tokens)
        rows.append(("spent", "  ".join([*counts, money(report.cost_usd)])))
    if report.isolation:
        rows.append(("isolation", report.isolation))
    rows.append(
        ("digests", "  ".join(f"{name} {value[:12]}" for name, value in sorted(report.digests.items())))
    )
    return rows


def _cases_that_vary(report: Report) -> list[str]:
    """Return the cases of which some samples pass and some don't."""
    return [case for case, tally in judged_tallies([report]).items() if 0 < tally.passed < tally.samples]


def group_rows(
    reports: Sequence[Report], groups_by_case: Mapping[str, Sequence[str]]
) -> list[tuple[str, int, list[float | None]]]:
    """Return name, size, and pass@1 in each report, for each group of cases; `none` is no group."""
    runs = [tallies([report]) for report in reports]
    members: dict[str, list[str]] = {name: [] for names in groups_by_case.values() for name in names}
    for case in dict.fromkeys(case for run in runs for case in run):
        for name in groups_by_case.get(case) or ("none",):
            members.setdefault(name, []).append(case)
    rows = []
    for name, cases in members.items():
        shares = [[float(run[case].share) for case in cases if case in run] for run in runs]
        rows.append((name, len(cases), [fmean(share) if share else None for share in shares]))
    return [row for row in rows if row[1]]


def title(report: Report) -> str:
    """Return the heading of a report: suite, version and model."""
    return f"{report.suite} {report.suite_version}" + (f"  {report.model}" if report.model else "")
