"""Finding: what one means of verifying showed."""

from dataclasses import dataclass
from typing import Literal

from coder.run.message import CheckLine, Verified
from sandbox import CheckResult, Result


@dataclass(frozen=True, slots=True)
class Finding:
    """What one means of verifying showed."""

    verified: Verified
    passed: bool
    lines: tuple[CheckLine, ...] = ()
    result: Result | None = None
    note: str = ""
    strength: Literal["outside", "inside", "none"] = "outside"
    late: bool = False
    """It failed, and the program had used up its time."""


def line_of(result: CheckResult) -> CheckLine:
    """What a check showed, as events keep it."""
    return CheckLine(**result.model_dump(exclude={"asserted"}))
