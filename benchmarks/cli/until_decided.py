"""Plan the looks of `bench run --until-decided`, and say what they decided."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.baseline_cases import judged_samples
from benchmarks.report import LookPlan, Report
from benchmarks.reports.read_report import read_report
from benchmarks.runner.growing import GrowingRun
from benchmarks.stats.gate import Decision
from benchmarks.stats.looks import levels_of, plan_looks
from benchmarks.stats.plan import plan as plan_samples
from benchmarks.suite import Suite
from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of, printable

_ALPHA, _POWER = 0.05, 0.8


def plan_growth(
    load: Callable[[], Suite], parameters: Mapping[str, Any], *, samples: int | None
) -> GrowingRun | None:
    """Plan the looks at a run; None if it isn't to end once it is decided.

    Args:
        load: returns the suite with its selected cases alone.
        samples: of each case at the last look; None: as many as `bench plan` says.

    Raises:
        UsageError: flags don't fit, or no number of samples suffices.
    """
    until_decided, baseline, max_drop = (parameters[name] for name in bench_options.GROWING.split())
    if not until_decided:
        if baseline is not None or max_drop is not None:
            raise UsageError(
                "--baseline and --max-drop are of --until-decided here.\n"
                "Check a run that has ended with: coder gate REPORT --baseline FILE --max-drop SHARE"
            )
        return None
    if baseline is None or max_drop is None:
        raise UsageError("--until-decided needs a baseline: give --baseline FILE and --max-drop 0.05.")
    if not 0 < max_drop < 1:
        raise UsageError("A drop to exclude lies between 0 and 1: --max-drop 0.05 is 5 points.")
    if parameters["agent"] is not None or parameters["shard"] != "1/1":
        raise UsageError("--until-decided looks at all cases of a model: leave out --agent and --shard.")
    if samples == 1:
        raise UsageError("--until-decided looks at a run that grows: give --samples 2 or more, or none.")
    earlier, suite = read_report(baseline), load()
    counts = judged_samples(baseline, earlier, suite)
    known = [*counts.values()]

    def looks_of(samples: int) -> LookPlan:
        digest = hashlib.sha256(baseline.read_bytes()).hexdigest()
        return plan_looks(samples, known, max_drop=max_drop, alpha=_ALPHA, baseline=digest)

    needed = samples
    if needed is None:
        of_plan = {"drop": max_drop, "power": _POWER, "baseline_samples": min(known)}
        needed = plan_samples(counts, [earlier], **of_plan).samples
        if needed is not None:  # looks cost a little of the last one's level
            level = levels_of(looks_of(needed))[-1]
            needed = plan_samples(counts, [earlier], alpha=level, **of_plan).samples
    if needed is None:
        both = plan_samples(counts, [earlier], drop=max_drop, power=_POWER).samples
        advice = f" Take it again with: --samples {both}" if both is not None else ""
        raise UsageError(
            f"{baseline} has {count_of(min(known), 'sample')} a case, against which no number of samples "
            f"excludes a drop of {100 * max_drop:g} points.{advice}"
        )
    return GrowingRun(looks_of(max(2, needed)), earlier)


def show_decision(report: Report, growing: GrowingRun) -> Decision:
    """Print on stderr what the looks decided, and return it."""
    result, plan = growing.decide(report), growing.plan
    samples = f"{growing.samples} of {count_of(plan.samples[-1], 'sample')} a case"
    sentences = "; ".join(condition.sentence for condition in result.conditions)
    typer.echo(
        f"look {len(plan.taken)} of {len(plan.samples)}, with {samples}: {printable(sentences)}", err=True
    )
    return result.decision
