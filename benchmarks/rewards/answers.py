"""Answers of models in training: the code in them, and what judging found."""

from typing import Literal

from pydantic import Field

from benchmarks.suite import Case, FunctionCase
from benchmarks.suites.extract import program_of
from benchmarks.suites.samples import Sample
from benchmarks.verdict import Outcome, Strength, Value
from coder.edits.code_blocks import find_blocks


class JudgedAnswer(Value):
    """What judging found out about one answer."""

    verdict: Outcome
    strength: Strength
    reward: float | None
    """1.0 if it passed, else 0.0 or its part of the tests; None if the machine kept it from being judged."""
    tests_passed: int | None = None
    """Of `tests`; None for an answer that failed and whose tests weren't counted."""
    tests: int = Field(ge=1)
    cpu_s: float
    cut: bool = False
    """A timeout before the case's own limit, as too many others took long."""
    detail: str = ""
    """The first failure, in one line."""


Form = Literal["completion", "solution", "patch"]


def code_of(case: Case, text: str) -> str:
    """The code in an answer: a chat's fenced block, what follows the prompt, or the answer as it stands."""
    if isinstance(case, FunctionCase):
        return program_of(case, Sample(case.id, 0, "completion", text, "")).text
    fenced = [block.text for block in find_blocks(text)]
    return fenced[-1] if fenced else text
