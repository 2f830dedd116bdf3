"""Define the verdict: the judge's result for one sample, its strength, and the evidence."""

from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import Field

from sandbox.result import Value

Outcome = Literal["passed", "failed", "timeout", "error", "tampered", "suspicious", "infrastructure"]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
"""Time that a report can add up: a worker on another machine may state any number."""
Strength = Literal["strong", "decoyed", "apart", "apart-work", "apart-system", "weaker", "weak"]
"""How strongly a candidate is separated from the code that decides its verdict, strongest first.

strong: decided in another process than the candidate's. decoyed: one process, among twins that must fail.
apart: a Harbor task's tests, in a fresh container with what the answer changed in the places that the task's
own solution changes. apart-work: also with all of the work folder. apart-system: also with changes outside
the work folder. weaker: a function judged in one process, since its values can't cross. weak:
one process, no twins; or the tests of a Harbor task beside the agent's processes.
"""
STRENGTHS: tuple[Strength, ...] = get_args(Strength)
"""All strengths, strongest first."""


def is_as_strong(strength: Strength, least: Strength) -> bool:
    """Whether a strength is `least` or stronger."""
    return STRENGTHS.index(strength) <= STRENGTHS.index(least)


def is_pass(outcome: Outcome | None, strength: Strength, min_strength: Strength | None) -> bool:
    """Whether a sample counts as passed, in every figure, format and gate.

    Anything else counts as not passed, however it was judged; no sample is left out.

    Args:
        min_strength: passes with a weaker verdict count as not passed; None: all passes count.
    """
    return outcome == "passed" and (min_strength is None or is_as_strong(strength, min_strength))


def least_strength(strengths: Iterable[Strength]) -> Strength | None:
    """Return the weakest of the strengths; None if there are none."""
    return max(strengths, key=STRENGTHS.index, default=None)


class Evidence(Value):
    """Evidence for a reviewer of a verdict; it is in the log of a benchmark, not in its report."""

    patch: str = ""
    """Changes by a Harbor task's agent, bounded; empty for other cases, whose answer is a text."""
    log: str = ""
    """End of the output of a Harbor task's tests."""
    fault: str = ""
    """Traceback of the error for which the sample has no verdict; empty for other samples."""


class Verdict(Value):
    """Verdict on one sample of one case."""

    id: str
    sample: int = Field(ge=0)
    """Number of the sample, from 0, in the order of the file or the run."""
    verdict: Outcome
    strength: Strength
    detail: str = ""
    """First failure, in one line. For reports only: a solver never sees this text."""
    output: str = ""
    """End of the candidate's stdout or stderr."""
    base: Outcome | None = None
    """Outcome of the base test alone, if the case also has a harder test."""
    stateful: bool = False
    """Whether the sample failed because repeated calls gave another answer."""
    of_case: bool = False
    """Whether the case itself can't be judged, so that no answer to it has another verdict."""
    overfits: bool | None = None
    """Older reports only: whether the sample differs from the canonical answer on fresh inputs."""
    tripped: tuple[str, ...] = ()
    """Alarms of the sample that the canonical answer doesn't set off: cause and place of each."""
    rewards: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    """Numbers by name that the tests of a Harbor task left."""
    outside: tuple[str, ...] = ()
    """Changes outside the work folder of a Harbor task that were applied to judge it."""
    cpu_s: Seconds = 0.0
    wall_s: Seconds = 0.0
