"""Reports for tests, made of letters, one a sample: p passed, f failed, and so on as `OUTCOMES` says."""

from benchmarks.report import Report, SampleUsage
from benchmarks.stats.scoring import make_report
from benchmarks.suite import FunctionCase, Suite
from benchmarks.verdict import Outcome, Strength, Verdict

OUTCOMES: dict[str, Outcome] = {
    "p": "passed",
    "f": "failed",
    "t": "timeout",
    "i": "infrastructure",
    "x": "tampered",
    "s": "suspicious",
}


def suite_of(*cases: str, name: str = "small") -> Suite:
    """A suite whose cases have these ids."""
    functions = (FunctionCase(id=case, prompt="", entry_point="f", test="") for case in cases)
    return Suite(name=name, version="1", cases=tuple(functions))


def report_of(
    cases: dict[str, str],
    *,
    suite: Suite | None = None,
    detail: str = "",
    cost: float | None = None,
    samples: str | None = None,
    model: str | None = None,
    greedy: bool = False,
    strengths: dict[str, Strength] | None = None,
    min_strength: Strength | None = None,
) -> Report:
    """A report of cases by id.

    Args:
        cost: US dollars of each sample.
        samples: digest of the answers.
        strengths: strength of a case's verdicts, if it isn't `strong`.
        min_strength: passes with a weaker verdict count as not passed.
    """
    suite = suite or suite_of(*cases)
    verdicts = [
        Verdict(
            id=case,
            sample=number,
            verdict=OUTCOMES[letter],
            strength=(strengths or {}).get(case, "strong"),
            detail="" if letter == "p" else detail or f"{OUTCOMES[letter]} here",
        )
        for case, letters in cases.items()
        for number, letter in enumerate(letters)
    ]
    usage = (
        []
        if cost is None
        else [SampleUsage(id=v.id, sample=v.sample, cost_usd=cost, seconds=1.5) for v in verdicts]
    )
    digests = {"judge": "j" * 64} | ({"samples": samples} if samples else {})
    return make_report(
        suite,
        verdicts,
        digests=digests,
        usage=usage,
        model=model,
        greedy=greedy,
        min_strength=min_strength,
    )
