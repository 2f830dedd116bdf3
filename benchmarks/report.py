"""Report: the result of judging a suite, as one document from which all other reports are made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmarks.verdict import Outcome, Strength, Verdict
from benchmarks.written import write_text
from sandbox.result import Value


class SampleUsage(Value):
    """Model usage and time of one sample."""

    id: str
    sample: int = Field(ge=0)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None: the price is unknown."""
    seconds: float = 0.0


class Times(Value):
    """Start and duration: the difference between two reports of the same answers."""

    started: str | None = None
    """ISO 8601, UTC."""
    seconds: float | None = None


class Report(Value):
    """The scores of one run over one suite, with a verdict for each sample."""

    format: Literal["coder-report"] = "coder-report"
    version: Literal[1] = 1
    suite: str
    suite_version: str
    model: str | None = None
    command: str | None = None
    """The command line of the first start, without secrets; None in older reports."""
    cases: int
    """Cases of the suite: the denominator, except those in `left_out`."""
    samples: int
    pass_at: dict[str, float | None]
    """By k. None if an answered case has fewer than k samples, and for k > 1 with repairs."""
    base_pass_at: dict[str, float | None] | None = None
    """By the base tests alone, if the suite has harder ones too."""
    interval: tuple[float, float] | None
    """95 % interval of pass@1: Wilson's over the cases; in older reports also a bootstrap."""
    interval_method: Literal["wilson", "bootstrap"] | None
    standard_error: float | None = None
    """Standard error of pass@1 over the cases; None for fewer than two, and in older reports."""
    bounds: tuple[float, float] | None
    """pass@1 if all unjudged cases had failed, and if all had passed."""
    outcomes: dict[Outcome, int]
    strengths: dict[Strength, int]
    """Numbers of samples."""
    missing: tuple[str, ...] = ()
    """Cases without a sample: not passed."""
    left_out: tuple[str, ...] = ()
    """Cases that only a weaker mode can decide: not in pass@k."""
    kinds: dict[str, str] = Field(default_factory=dict)
    """Kind of each case: function, script or repository; empty in older reports."""
    difficulties: dict[str, str] = Field(default_factory=dict)
    digests: dict[str, str]
    """Digests of suite, judge, and image, samples, parameters if present."""
    isolation: str | None = None
    independent: bool = True
    """Samples are independent and identically distributed, as pass@k for k > 1 requires."""
    greedy: bool = False
    """Samples were drawn without randomness: those of one case are equal and count as one."""
    usage: tuple[SampleUsage, ...] = ()
    cost_usd: float | None = None
    times: Times = Times()
    verdicts: tuple[Verdict, ...]
    """In the order of the suite, then of the samples."""


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of the digests that differ."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def write_report(report: Report, path: Path) -> None:
    """Write a report as JSON, atomically."""
    write_text(path, report.model_dump_json(indent=1) + "\n")
