"""A trial of one function: its code in a sandbox of its own, its tests in another, values by agreement.

Unlike `check`, which helps to repair, a trial decides: what may cross was fixed before it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from sandbox.call import ending
from sandbox.contract import Sandbox
from sandbox.inner.codec import CodecError, decode
from sandbox.policy import Limits
from sandbox.relay import converse
from sandbox.result import Result

_MAX_REPORTS = 64


class Crossing(BaseModel):
    """What may cross from the candidate besides plain data. None: whatever comes is let in, and told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: frozenset[str] | None = frozenset()
    """Of references: `generator`, `coroutine`, `function`, `record`; for an `object` its word is taken."""
    errors: frozenset[str] | None = frozenset()
    """Names of the standard exceptions that the tests expect."""
    write_back: bool = False
    """Changes that a call makes to its arguments are made to the test's own objects too."""


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
    crossing: Crossing = Crossing()
    replays: int = 0
    """Calls, at most, that are repeated in another order on a candidate of its own."""
    seed: int = 0
    """Of which calls, and their order."""


@dataclass(slots=True)
class Outcome:
    """What the checker said of a trial."""

    unloaded: str | None = None
    """Why the module or its function could not be had."""
    tests: list[str] = field(default_factory=list)
    """For each test that ended: why it failed, or nothing."""
    replayed: int = 0
    differing: int = 0
    """Repeated calls, and those that gave another answer."""
    difference: str = ""
    kinds: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    mutated: bool = False
    """Some call changed an argument."""
    timed_out: bool = False
    ended: bool = False
    """All was said; else `note` says why not."""
    note: str = ""
    _under_way: int | None = None
    _count: int = 0

    def take(self, report: bytes) -> None:
        """Keep one report.

        Raises:
            CodecError: it isn't one, or there are too many.
        """
        self._count += 1
        if self._count > _MAX_REPORTS:
            raise CodecError(f"the checker sent more than {_MAX_REPORTS} reports")
        match decode(report):
            case ("unloaded", str(why)):
                self.unloaded = why
            case ("begin", int(number)):
                self._under_way = number
            case ("test", int(number), bool(passed), str(message)) if number == len(self.tests):
                self.tests.append("" if passed else message or "failed")
            case ("replayed", int(count), int(differing), str(why)):
                self.replayed, self.differing, self.difference = count, differing, why
            case ("end", list(kinds), list(errors), bool(mutated), bool(timed_out)):
                self.kinds, self.errors = frozenset(map(str, kinds)), frozenset(map(str, errors))
                self.mutated, self.timed_out, self.ended = mutated, timed_out, True
            case _:
                raise CodecError("the checker sent what isn't a report")


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a trial."""

    outcome: Outcome
    candidates: tuple[Result, ...]
    """The one that was tested, and the one that calls were repeated on."""
    checker: Result

    @property
    def cpu_s(self) -> float:
        """Of the tested candidate and of its checker: what the checker has to do is the candidate's doing."""
        return self.candidates[0].cpu_s + self.checker.cpu_s


async def hold_trial(candidate: Sandbox, checker: Sandbox, trial: Trial, *, limits: Limits) -> Tried:
    """Try one function. Both processes get a workspace of their own.

    Args:
        limits: of each of both processes; the wall covers the whole trial.

    Raises:
        SandboxBroken: a sandbox stopped working.
    """
    outcome = Outcome()
    crossing = trial.crossing
    callee = {
        "write_back": crossing.write_back,
        "watch": True,
        "files": {"solution.py": trial.source},
    }
    arguments: Mapping[str, object] = {
        "tests": list(trial.tests),
        "prelude": trial.prelude,
        "module": "solution",
        "entry_point": trial.entry_point,
        "kinds": None if crossing.kinds is None else sorted(crossing.kinds),
        "errors": None if crossing.errors is None else sorted(crossing.errors),
        "write_back": crossing.write_back,
        "replays": trial.replays,
        "seed": trial.seed,
    }
    endings = await converse(
        lambda limits: candidate.start("callee", callee, limits=limits, fresh=True),
        lambda limits, wall_s: checker.start(
            "trial", {**arguments, "wall_s": wall_s}, limits=limits, fresh=True
        ),
        outcome,
        limits=limits,
    )
    return Tried(outcome, endings.candidates, endings.checker)


async def hold_together(sandbox: Sandbox, trial: Trial, *, limits: Limits) -> Tried:
    """Try one function in one process with its tests: weaker, as the function can reach them.

    Raises:
        SandboxBroken: the sandbox stopped working.
    """
    outcome = Outcome()
    arguments = {"source": trial.source, "tests": list(trial.tests), "entry_point": trial.entry_point}
    running = await sandbox.start("together", arguments, limits=limits, fresh=True)
    try:
        while not outcome.ended and (frame := await running.receive()) is not None:
            outcome.take(frame[1:])
    except CodecError as error:
        outcome.note = str(error)
    finally:
        result = await asyncio.shield(running.finish())
    if not outcome.ended and not outcome.note:
        outcome.note = f"it gave no verdict: {ending(result)}"
    return Tried(outcome, (result,), result.model_copy(update={"cpu_s": 0.0}))
