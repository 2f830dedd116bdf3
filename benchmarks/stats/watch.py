"""Judge the latest of a series of rounds over one suite: quiet, learning, or worse than the rounds before."""

from collections import Counter
from collections.abc import Callable, Sequence
from math import fsum
from typing import Annotated, Literal

from pydantic import Field, field_validator

from benchmarks.report import Report, differing_digests
from benchmarks.stats.alarm_limit import alarm_limit
from benchmarks.stats.comparison import judged_tallies
from benchmarks.stats.cusum import MIN_REFERENCE, Cusum, cusum
from benchmarks.stats.difference import Tally, score_bounds
from sandbox.result import Value

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
State = Literal["learning", "quiet", "alarm"]
PINNED = ("suite", "judge", "image", "parameters")
"""Digests of which another value begins a new reference."""
_MOVED = 0.2
"""Name what has changed by this share at least."""


class Round(Value):
    """One run over the suite."""

    suite: str
    started: str | None = None
    model: str | None = None
    digests: dict[str, str]
    versions: dict[str, str] = Field(default_factory=dict)
    tallies: dict[str, Tally] = Field(min_length=1)
    """Judged samples of each case."""
    tokens: int = Field(default=0, ge=0)
    seconds: Amount | None = None
    latency_s: Amount | None = None
    """Mean seconds of a call; None in rounds of older versions."""
    refusals: int = Field(default=0, ge=0)
    """Answers in which the model refuses."""
    cost_usd: Amount | None = None
    confirms: bool = False
    """Whether the round was made to confirm an alarm; one that did ends the reference."""

    @field_validator("tallies")
    @classmethod
    def _check_tallies(cls, tallies: dict[str, Tally]) -> dict[str, Tally]:
        if any(not 0 <= tally.passed <= tally.samples or not tally.samples for tally in tallies.values()):
            raise ValueError("a case has more passed samples than samples, or none")
        return tallies

    @property
    def score(self) -> float:
        """Mean over the judged cases of the share of passed samples."""
        shares = [float(tally.share) for tally in self.tallies.values()]
        return fsum(shares) / len(shares)


class WatchResult(Value):
    """What the latest round says."""

    state: State
    rounds: int
    """Rounds since the reference began."""
    is_restarted: bool = False
    """Whether the latest round begins a new reference."""
    score: float
    reference: float | None
    """Mean score of the rounds before those that are worse; None of a first round."""
    sum: float
    """Sum of the CUSUM; above `limit` it is an alarm."""
    limit: float | None = None
    """None while the watch learns."""
    cases: tuple[str, ...] = ()
    """Cases that pass less often since the score became worse, those that changed most first."""
    moved: tuple[str, ...] = ()
    """What else has changed since then."""


class RoundScore(Value):
    """Score of a round of the reference, and the sum after it."""

    started: str | None
    score: float
    interval: tuple[float, float]
    """95 % interval over new samples of the same cases."""
    sum: float
    tokens: int
    latency_s: float | None
    refusals: int
    cost_usd: float | None


def round_of(report: Report, *, versions: dict[str, str], confirms: bool = False) -> Round | None:
    """Return the round of a report; None if a sample has no verdict, as other cases have another score."""
    tallies = judged_tallies([report])
    unjudged = report.outcomes.get("infrastructure", 0) + len(report.missing) + len(report.missing_samples)
    if unjudged or not tallies:
        return None
    calls = sum(usage.calls for usage in report.usage)
    served = {name for usage in report.usage for name in usage.served}
    return Round(
        suite=report.suite,
        started=report.times.started,
        model=report.model,
        digests={name: value for name, value in report.digests.items() if name in PINNED}
        | {"min-strength": report.min_strength or ""},
        versions=versions | {"served": ", ".join(sorted(served))},
        tallies=tallies,
        tokens=sum(usage.input_tokens + usage.output_tokens for usage in report.usage),
        seconds=report.times.seconds,
        latency_s=sum(usage.call_s for usage in report.usage) / calls if calls else None,
        refusals=sum(usage.refusals for usage in report.usage),
        cost_usd=report.cost_usd,
        confirms=confirms,
    )


def watched(rounds: Sequence[Round]) -> WatchResult:
    """Judge the latest round by those of its reference. Raises ValueError without a round."""
    if not rounds:
        raise ValueError("there is no round to judge")
    series = _reference(rounds)
    state = _cusum_of(series)
    split = state.began if state.began is not None else len(series) - 1
    before, since = series[:split], series[split:]
    limit = _limit_of(series)
    name: State = "learning" if limit is None else "alarm" if state.is_alarm(limit) else "quiet"
    return WatchResult(
        state=name,
        rounds=len(series),
        is_restarted=len(series) == 1 < len(rounds),
        score=series[-1].score,
        reference=fsum(each.score for each in before) / len(before) if before else None,
        sum=state.sums[-1],
        limit=limit,
        cases=tuple(_worse_cases(before, since)) if name == "alarm" else (),
        moved=tuple(_moved(before, since)) if name == "alarm" else (),
    )


def scores_of(rounds: Sequence[Round]) -> list[RoundScore]:
    """Return the rounds since the reference of the latest one began, each with the sum after it."""
    series = _reference(rounds)
    return [
        RoundScore(
            started=each.started,
            score=each.score,
            interval=score_bounds([*each.tallies.values()], 0.95),
            sum=total,
            tokens=each.tokens,
            latency_s=each.latency_s,
            refusals=each.refusals,
            cost_usd=each.cost_usd,
        )
        for each, total in zip(series, _cusum_of(series).sums, strict=True)
    ]


def _cusum_of(series: Sequence[Round]) -> Cusum:
    samples = [sum(tally.samples for tally in each.tallies.values()) for each in series]
    return cusum([each.score for each in series], [1 / count for count in samples])


def _limit_of(series: Sequence[Round]) -> float | None:
    """Return the limit by the first rounds of a reference; None if they are too few."""
    if len(series) <= MIN_REFERENCE:
        return None
    passed, samples = Counter[str](), 0
    for each in series[:MIN_REFERENCE]:
        passed.update({case: tally.passed for case, tally in each.tallies.items()})
        samples += sum(tally.samples for tally in each.tallies.values())
    return alarm_limit(tuple(sorted(passed.values())), round(samples / len(passed)))


def _reference(rounds: Sequence[Round]) -> Sequence[Round]:
    """Return the rounds since suite, judge, image or parameters changed, or an alarm was confirmed."""
    start = 0
    for number, each in enumerate(rounds):
        if each.digests != rounds[max(0, number - 1)].digests:
            start = number
        series = rounds[start : number + 1]
        if each.confirms and number < len(rounds) - 1 and (limit := _limit_of(series)) is not None:
            start = number + 1 if _cusum_of(series).is_alarm(limit) else start
    return rounds[start:]


def _worse_cases(before: Sequence[Round], since: Sequence[Round]) -> list[str]:
    falls: dict[str, float] = {}
    for case in since[-1].tallies:
        shares = [_share(case, part) for part in (before, since)]
        if shares[0] is not None and shares[1] is not None and shares[1] < shares[0]:
            falls[case] = shares[0] - shares[1]
    return sorted(falls, key=falls.__getitem__, reverse=True)


def _share(case: str, rounds: Sequence[Round]) -> float | None:
    tallies = [each.tallies[case] for each in rounds if case in each.tallies]
    samples = sum(tally.samples for tally in tallies)
    return sum(tally.passed for tally in tallies) / samples if samples else None


def _moved(before: Sequence[Round], since: Sequence[Round]) -> list[str]:
    """Name what else differs between the rounds before and since."""
    figures: dict[str, Callable[[Round], float | None]] = {
        "tokens": lambda one: float(one.tokens),
        "seconds": lambda one: one.seconds,
        "seconds of a call": lambda one: one.latency_s,
        "refusals": lambda one: float(one.refusals),
        "cost": lambda one: one.cost_usd,
    }
    moved = []
    for name, figure in figures.items():
        old, new = (_mean([figure(each) for each in part]) for part in (before, since))
        if old is not None and new is not None and abs(new - old) > _MOVED * max(old, 1e-9):
            moved.append(f"{name}: {old:,.4g} → {new:,.4g}")
    versions = [part[-1].versions | {"model": part[-1].model or ""} for part in (before, since)]
    for name in differing_digests(*versions):
        moved.append(f"{name}: {versions[0].get(name) or 'none'} → {versions[1].get(name) or 'none'}")
    return moved


def _mean(values: Sequence[float | None]) -> float | None:
    figures = [value for value in values if value is not None]
    return fsum(figures) / len(figures) if figures else None
