"""Report: what a suite's judging came to, as one document that every other report is made from."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmarks.verdict import Outcome, Strength, Value, Verdict
from benchmarks.written import write_text


class Usage(Value):
    """What one sample took of its model, and of time."""

    id: str
    sample: int = Field(ge=0)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None: the price isn't known."""
    seconds: float = 0.0


class Times(Value):
    """When it was and how long it took: what two reports of the same answers differ in."""

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
    """Who answered, so far as it is known."""
    command: str | None = None
    """The command line that began it, without secrets; None in older reports."""
    cases: int
    """Of the suite: the denominator, but for those in `left_out`."""
    samples: int
    pass_at: dict[str, float | None]
    """By k. None where a case that was answered has fewer than k samples, and for k > 1 with repairs."""
    base_pass_at: dict[str, float | None] | None = None
    """By the base tests alone, where the suite has harder ones too."""
    interval: tuple[float, float] | None
    """Of pass@1, 95 %: Wilson's over the cases; in older reports a bootstrap, at several samples a case."""
    interval_method: Literal["wilson", "bootstrap"] | None
    standard_error: float | None = None
    """Of pass@1, over the cases; None for fewer than two, and in older reports."""
    bounds: tuple[float, float] | None
    """Of pass@1 if all unjudged cases had failed, and if all had passed."""
    outcomes: dict[Outcome, int]
    """Samples by what became of them."""
    strengths: dict[Strength, int]
    """Samples by how strong the verdict is."""
    missing: tuple[str, ...] = ()
    """Cases without a sample: not passed."""
    left_out: tuple[str, ...] = ()
    """Cases that only a weaker judging can decide: not in pass@k."""
    kinds: dict[str, str] = Field(default_factory=dict)
    """Of each case: function, script or repository; empty in older reports."""
    difficulties: dict[str, str] = Field(default_factory=dict)
    """Of the cases of which the suite names one."""
    digests: dict[str, str]
    """What it was made with: suite, judge, and image, samples, parameters where there are such."""
    isolation: str | None = None
    independent: bool = True
    """Samples were drawn alike and apart, so that pass@k for k > 1 has a meaning."""
    greedy: bool = False
    """Samples were drawn without randomness: several of one case are alike, and as good as one."""
    usage: tuple[Usage, ...] = ()
    cost_usd: float | None = None
    times: Times = Times()
    verdicts: tuple[Verdict, ...]
    """In the order of the suite, then of the samples."""


def write_report(report: Report, path: Path) -> None:
    """Write a report as JSON: whole, or not at all."""
    write_text(path, report.model_dump_json(indent=1) + "\n")
