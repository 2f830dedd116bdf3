"""A trial of one function: its code in a sandbox of its own, its tests in another, values by agreement.

Unlike `check`, which helps to repair, a trial decides: what may cross was fixed before it.
"""

import asyncio
import json
import math
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from sandbox.checks.candidate_pool import Candidates
from sandbox.checks.checkers import Checkers
from sandbox.checks.direct_channel import Acquaintance
from sandbox.checks.relay import Conversation, decoded, limits_behind
from sandbox.checks.trial_result import Outcome, TrialResult, result_of
from sandbox.contract import Sandbox
from sandbox.host.running import RunningEntry
from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.frames import REFERENCE
from sandbox.policy import Limits, Policy
from sandbox.result import ending

_MODULE = "solution"


class Crossing(BaseModel):
    """What may cross from the candidate besides plain data. None: whatever comes is let in, and told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: frozenset[str] | None = frozenset()
    """Of references: `generator`, `coroutine`, `function`, `record`; for an `object` its word is taken."""
    errors: frozenset[str] | None = frozenset()
    """Names of the standard exceptions that the tests expect."""
    steps: int | None = None
    """Of all generators together, at most; None: as many as time allows."""
    write_back: bool = False
    """Changes that a call makes to its arguments are made to the test's own objects too."""
    changed: frozenset[str] | None = None
    """Of which arguments, by position or name (`*`: of calls of other functions); None: of all."""
    uses: frozenset[str] | None = None
    """What may be done with the test's own objects, as an earlier trial told it; None: whatever they show.
    Where it is given, nothing is set on a mock."""


class Trial(BaseModel):
    """One function to be tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Of the candidate's module."""
    entry_point: str
    tests: tuple[str, ...] = Field(min_length=1)
    """Sources that define `check(candidate)`."""
    prelude: str = ""
    """Names that the tests may use besides their own."""
    tidy: bool = False
    """Neither they nor the prelude can leave anything in the process that runs them but their own names, so
    that it can be that of other trials, too."""
    crossing: Crossing = Crossing()
    replays: int = 0
    """Calls, at most, that are repeated in another order on a candidate of its own."""
    seed: int = 0
    """Of which calls, and their order."""
    reference: str | None = None
    """Source of a module that is right, to be compared with on inputs near those of the tests."""
    explored: int = 0
    """Such inputs, at most."""


async def hold_trial(
    candidates: Candidates, checkers: Checkers, trial: Trial, *, limits: Limits
) -> TrialResult:
    """Try one function. Candidates get a workspace of their own, and so does the checker.

    Args:
        limits: of each of both processes; the wall covers the whole trial.

    Raises:
        SandboxBroken: a sandbox stopped working.
    """
    outcome = Outcome()
    wall_s = limits.wall_s or Policy().wall_s
    behind = limits_behind(wall_s, limits)
    acquaintance = Acquaintance(
        lambda which: candidates.start(_job(trial, which), limits=behind), outcome, wall_s
    )
    talk: Acquaintance | Conversation = acquaintance
    job = json.dumps(_arguments(trial, wall_s, limits)).encode()
    checker = await checkers.take()
    ended = None
    try:
        try:
            if isinstance(checker, RunningEntry) and await acquaintance.open():
                await acquaintance.run(checker, job)
            else:
                talk = conversation = Conversation(
                    lambda which: candidates.start_alone(_job(trial, which), limits=behind), outcome, wall_s
                )
                await conversation.open()
                await checker.send(job)
                await conversation.run(checker)
        finally:
            sound = outcome.ended and not outcome.status
            ended = await checkers.put_back(checker, sound=sound, cpu_s=outcome.cpu_s)
    finally:
        await asyncio.shield(talk.close())
    result = result_of(outcome) if outcome.ended or ended is None else ended
    if not outcome.complete and not outcome.note:
        outcome.note = f"the checker gave no verdict: {ending(result)}"
    return TrialResult(outcome, tuple(talk.results), result)


def _job(trial: Trial, which: bytes) -> dict[str, object]:
    """What a candidate is to do; `which` says whether it is to be the reference."""
    source = (trial.reference or "") if which == REFERENCE else trial.source
    return {
        "write_back": trial.crossing.write_back,
        "watch": True,
        "modules": {_MODULE: source},
        "kinds": _in_order(trial.crossing.kinds),
    }


def _arguments(trial: Trial, wall_s: float, limits: Limits) -> dict[str, object]:
    crossing = trial.crossing
    return {
        "tests": trial.tests,
        "prelude": trial.prelude,
        "tidy": trial.tidy,
        "module": _MODULE,
        "entry_point": trial.entry_point,
        "kinds": _in_order(crossing.kinds),
        "errors": _in_order(crossing.errors),
        "steps": crossing.steps,
        "changed": _in_order(crossing.changed),
        "uses": _in_order(crossing.uses),
        "write_back": crossing.write_back,
        "replays": trial.replays,
        "seed": trial.seed,
        "explored": trial.explored if trial.reference is not None else 0,
        "wall_s": wall_s,
        "cpu_s": math.ceil(limits.cpu_s or Policy().cpu_s),
    }


def _in_order(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def alarm_source() -> str:
    """Source of the alarm that `hold_together` sets, for programs that run tests and code in one process."""
    return (files("sandbox.inner.checker") / "alarm.py").read_text(encoding="utf-8")


async def hold_together(sandbox: Sandbox, trial: Trial, *, limits: Limits) -> TrialResult:
    """Try one function in one process with its tests: weaker, as the function can reach them.

    Raises:
        SandboxBroken: the sandbox stopped working.
    """
    outcome = Outcome()
    arguments = {"source": trial.source, "tests": list(trial.tests), "entry_point": trial.entry_point}
    running = await sandbox.start("checker.together", arguments, limits=limits, fresh=True)
    try:
        while not outcome.complete and (frame := await running.receive()) is not None:
            outcome.take(await decoded(frame[1:]))
    except CodecError as error:
        outcome.note = str(error)
    finally:
        result = await asyncio.shield(running.finish())
    if not outcome.complete and not outcome.note:
        outcome.note = f"it gave no verdict: {ending(result)}"
    return TrialResult(outcome, (result,), result.model_copy(update={"cpu_s": 0.0}))
