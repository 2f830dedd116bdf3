"""Verdict: the judge's result for one sample, its strength, and the evidence."""

from typing import Literal

from pydantic import Field

from sandbox.result import Value

Outcome = Literal["passed", "failed", "timeout", "error", "tampered", "suspicious", "infrastructure"]
Strength = Literal["strong", "decoyed", "weaker", "weak"]
"""strong: decided in another process than the candidate's. decoyed: in one, among twins that must fail.
weaker: a function judged in one process, since its values can't cross. weak: one process, no twins."""


class Verdict(Value):
    """Verdict on one sample of one case."""

    id: str
    sample: int = Field(ge=0)
    """0, 1, … in the order of the file or the run."""
    verdict: Outcome
    strength: Strength
    detail: str = ""
    """The first failure, in one line. For reports only: a solver never sees it."""
    output: str = ""
    """The end of the candidate's stdout or stderr."""
    base: Outcome | None = None
    """Outcome of the base test alone, where a case has a harder test too."""
    stateful: bool = False
    """Failed because repeated calls gave another answer."""
    overfits: bool | None = None
    """Older reports only: it differs from the canonical answer on fresh inputs."""
    tripped: tuple[str, ...] = ()
    """Alarms that it set off in the tests' process and the canonical answer doesn't: what, and where."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
