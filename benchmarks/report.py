"""Define the report: the result of judging a suite, from which all other formats are made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from benchmarks.verdict import Outcome, Strength, Verdict, is_pass
from benchmarks.written import write_text
from sandbox.result import Value

_FINITE = ConfigDict(allow_inf_nan=False)


class SampleUsage(Value):
    """Model usage and time of one sample."""

    model_config = _FINITE

    id: str
    sample: int = Field(ge=0)
    calls: int = Field(default=0, ge=0)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost_usd: float | None = Field(default=None, ge=0, le=1e12)
    """None if the price is unknown."""
    seconds: float = 0.0
    call_s: float = Field(default=0.0, ge=0)
    """Seconds for which answers of the endpoint were waited for."""
    refusals: int = Field(default=0, ge=0)
    """Answers in which the model refuses."""
    served: tuple[str, ...] = ()
    """Models that the endpoint says it served, with their fingerprints."""

    def added_to(self, other: "SampleUsage") -> "SampleUsage":
        """Return the sum of this and another part of one sample's usage."""
        costs = (self.cost_usd, other.cost_usd)
        return self.model_copy(
            update={
                "calls": self.calls + other.calls,
                "input_tokens": self.input_tokens + other.input_tokens,
                "output_tokens": self.output_tokens + other.output_tokens,
                "cost_usd": None if None in costs else sum(cost for cost in costs if cost is not None),
                "seconds": self.seconds + other.seconds,
                "call_s": self.call_s + other.call_s,
                "refusals": self.refusals + other.refusals,
                "served": tuple(dict.fromkeys((*self.served, *other.served))),
            }
        )

    def without(self, part: "SampleUsage") -> "SampleUsage":
        """Return what is left of this usage without a part of it."""
        costs = (self.cost_usd, part.cost_usd)
        return self.model_copy(
            update={
                "calls": max(0, self.calls - part.calls),
                "input_tokens": max(0, self.input_tokens - part.input_tokens),
                "output_tokens": max(0, self.output_tokens - part.output_tokens),
                "cost_usd": None if costs[0] is None else max(0.0, costs[0] - (costs[1] or 0.0)),
                "seconds": max(0.0, self.seconds - part.seconds),
                "call_s": max(0.0, self.call_s - part.call_s),
                "refusals": max(0, self.refusals - part.refusals),
            }
        )


class Times(Value):
    """Start and duration of a run; only these differ between two reports of equal answers."""

    model_config = _FINITE

    started: str | None = None
    """ISO 8601, UTC."""
    seconds: float | None = None


class Look(Value):
    """Look at a run that grows, and what its samples decided."""

    samples: int = Field(ge=1)
    """Samples of each case at which it was planned."""
    information: float = Field(gt=0, le=1)
    """Share of the information that the last look has."""
    level: float = Field(ge=0, le=0.5)
    """One-sided probability of an error that it was decided by."""
    decision: Literal["passed", "failed", "undecided"]


class LookPlan(Value):
    """Plan of the looks at a run that ends once it is decided against a baseline, and those taken."""

    samples: tuple[int, ...] = Field(min_length=1)
    """Samples of each case at each look."""
    max_drop: float = Field(gt=0, lt=1)
    alpha: float = Field(gt=0, le=0.5)
    """Probability of each error over all looks, one-sided."""
    baseline: str
    """Digest of the baseline."""
    baseline_weight: float = Field(gt=0, le=1)
    """Mean over the cases of 1 / samples in the baseline."""
    taken: tuple[Look, ...] = ()


class Report(Value):
    """Scores of one run over one suite, with a verdict for each sample."""

    model_config = _FINITE

    format: Literal["coder-report"] = "coder-report"
    version: Literal[1] = 1
    suite: str
    suite_version: str
    model: str | None = None
    command: str | None = None
    """Command line of the first start, without secrets; None in older reports."""
    cases: int
    """Number of cases of the suite, which is the denominator."""
    samples: int
    pass_at: dict[str, float | None]
    """pass@k by k. None if an answered case has fewer than k samples, and for k > 1 with repairs."""
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed; None if all passes count."""
    shares: dict[Strength, float] = Field(default_factory=dict)
    """Parts of pass@1 by strength of the passes; they add up to it."""
    base_pass_at: dict[str, float | None] | None = None
    """pass@k by the base tests alone, if the suite also has harder tests."""
    interval: tuple[float, float] | None
    """95 % interval of pass@1: Wilson's over the cases; in older reports also a bootstrap."""
    interval_method: Literal["wilson", "bootstrap"] | None
    standard_error: float | None = None
    """Standard error of pass@1 over the cases; None for fewer than two, and in older reports."""
    bounds: tuple[float, float] | None
    """pass@1 if all unjudged samples had failed, and if they had passed."""
    outcomes: dict[Outcome, int]
    strengths: dict[Strength, int]
    """Number of samples by strength of the verdict."""
    missing: tuple[str, ...] = ()
    """Cases without a sample; they count as not passed."""
    missing_samples: dict[str, int] = Field(default_factory=dict)
    """Number of samples that are missing of each other case: they count in the bounds of pass@1 alone."""
    rows: tuple[str, ...] = ()
    """Damaged rows of the samples file that name no case: each has a verdict, and none is a case."""
    kinds: dict[str, str] = Field(default_factory=dict)
    """Kind of each case: function, script or repository; empty in older reports."""
    difficulties: dict[str, str] = Field(default_factory=dict)
    categories: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    case_digests: dict[str, str] = Field(default_factory=dict)
    """Digest of each case, by which runs over suites that share cases are compared."""
    digests: dict[str, str]
    """Digests of suite and judge, and of image, samples and parameters if present."""
    isolation: str | None = None
    independent: bool = True
    """Whether samples are independent and identically distributed, as pass@k for k > 1 requires."""
    greedy: bool = False
    """Whether samples were drawn without randomness: samples of one case are then equal and count once."""
    usage: tuple[SampleUsage, ...] = ()
    cost_usd: float | None = None
    times: Times = Times()
    looks: LookPlan | None = None
    """Looks by which --until-decided ends the run; None for any other run."""
    anchor: "Report | None" = None
    """First baseline of the series of baselines to which this report belongs; None for any other report."""
    verdicts: tuple[Verdict, ...]
    """Verdicts in the order of the suite, then of the samples."""

    @property
    def groups(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Groups of each case, by what they are groups of, such as `category`."""
        single = {"kind": self.kinds, "difficulty": self.difficulties, "category": self.categories}
        groups: dict[str, dict[str, tuple[str, ...]]] = {"tag": self.tags}
        groups |= {name: {case: (group,) for case, group in of.items()} for name, of in single.items()}
        return groups

    def is_pass(self, verdict: Verdict) -> bool:
        """Whether a sample of this report counts as passed."""
        return is_pass(verdict.verdict, verdict.strength, self.min_strength)


def differing_digests(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """Return the names of the digests that differ."""
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def write_report(report: Report, path: Path) -> None:
    """Write a report as JSON, atomically."""
    write_text(path, report.model_dump_json(indent=1) + "\n")
