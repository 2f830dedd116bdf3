"""Look at an answer that passed again: does it hold on inputs that the tests don't have?"""

import hashlib
from dataclasses import dataclass

from benchmarks.judge.check_sources import canonical_module, prelude, with_setup
from benchmarks.judge.function import Pair
from benchmarks.judge.mode import Mode
from benchmarks.suite import FunctionCase
from sandbox import Limits
from sandbox.checks.trial import Trial, hold_trial

INPUTS = 60
"""Fresh inputs, made from those of the tests by one small change each."""
_LEAST, _SHARE = 2, 0.1
"""Differing answers, at least, and of all, before an answer is said to overfit: a fresh input may be one that
the task rules out, where any answer is right."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What came of it."""

    inputs: int
    """On which the canonical answer had a plain value."""
    differing: int
    example: str

    @property
    def overfits(self) -> bool | None:
        """None where nothing could be compared."""
        if not self.inputs:
            return None
        return self.differing >= max(_LEAST, _SHARE * self.inputs)


async def audit_function(pair: Pair, case: FunctionCase, code: str, mode: Mode) -> Audited | None:
    """Compare an answer with the case's own one; None where they can't be called apart.

    Raises:
        SandboxBroken: a sandbox stopped working.
    """
    reference = canonical_module(case)
    if reference is None or mode.how != "isolated" or mode.stateful:
        return None
    trial = Trial(
        source=with_setup(case, code),
        entry_point=case.entry_point,
        tests=(case.test,),
        prelude=prelude(case),
        crossing=mode.crossing,
        reference=reference,
        explored=INPUTS,
        seed=int.from_bytes(hashlib.sha256(case.id.encode()).digest()[:6]),
    )
    limits = Limits(cpu_s=case.timeout_s + 1, wall_s=4 * case.timeout_s + 10)
    said = (await hold_trial(pair.candidates, pair.checkers, trial, limits=limits)).outcome
    return Audited(said.explored, said.astray, said.example)
