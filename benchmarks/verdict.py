"""Verdict: what the judge says of one sample, how strong that is, and the evidence."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["passed", "failed", "timeout", "error", "tampered", "suspicious", "infrastructure"]
Strength = Literal["strong", "decoyed", "weaker", "weak"]
"""strong: decided in another process than the candidate's. decoyed: in one, among twins that must fail.
weaker: a function judged in one process, since its values can't cross. weak: one process, no twins."""


class Value(BaseModel):
    """A value that has these fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Verdict(Value):
    """Of one sample of one case."""

    id: str
    """Of the case."""
    sample: int = Field(ge=0)
    """0, 1, … in the order of the file, or of the run."""
    verdict: Outcome
    strength: Strength
    detail: str = ""
    """The first failure, in one line. It is for reports, and never goes back to a solver."""
    output: str = ""
    """The end of what the candidate printed, on either stream."""
    base: Outcome | None = None
    """Where a case has a harder test too: the outcome of the base test alone."""
    stateful: bool = False
    """It failed since repeated calls gave another answer."""
    overfits: bool | None = None
    """Of older reports alone: it differs from the canonical answer on fresh inputs."""
    tripped: tuple[str, ...] = ()
    """Alarms that it set off in its tests' process, and the case's own answer doesn't: what, and where."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
