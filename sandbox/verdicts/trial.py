"""Try one function: its code and its tests run in separate sandboxes and exchange agreed kinds of values.

Unlike `check`, which supports repair, a trial gives the verdict: what may cross is fixed beforehand.
"""

import json
import math
from dataclasses import replace
from importlib.resources import files
from typing import Literal, get_args

from pydantic import Field

from sandbox.contract import Running, Sandbox
from sandbox.policy import Limits, Policy
from sandbox.result import Value
from sandbox.verdicts.candidate_pool import Candidate, Candidates, Checkers
from sandbox.verdicts.relay import TrialResult, add_wall_slack, run_job
from sandbox.verdicts.run_report import Crossing

_MODULE = "solution"
_SPARE_CPU_S = 1.0
"""Added to RLIMIT_CPU, which counts ticks and may be a third early; a checker also loads its tests."""


Repeated = Literal["", "later", "earlier", "copies", "latest"]
"""Before a call of a function: no other one; one that another run of the tests made; one that was made
earlier; so, but with copies of the test's objects; the latest one."""
REPEATS: tuple[Repeated, ...] = get_args(Repeated)[1:]


class Weighed(Value):
    """Weigh passing tests by what they say to other answers and constants."""

    seed: int
    """Seed by which they are drawn."""
    enough: int = 15
    """Failures by changes of one kind after which no more are tried; 0: changes aren't tried at all."""
    own: dict[str, int] | None = None
    """How often each exchange took place with the case's own answer; None: this is that answer."""
    parts: frozenset[str] = frozenset()
    """What its answers consist of, as `RunReport.answer_parts`: only such parts are changed one by one."""
    targets: frozenset[str] | None = None
    """Requests whose answers are changed; None: those with answers that the case's own doesn't give."""


class Trial(Value):
    """A function to be tried."""

    source: str
    """Source of the candidate's module."""
    entry_point: str
    tests: tuple[str, ...] = Field(min_length=1)
    """Sources that define `check(candidate)`."""
    prelude: str = ""
    """Source of helpers for the tests."""
    tidy: bool = False
    """The tests and the prelude leave nothing but their own names in the process, so trials can share it."""
    crossing: Crossing = Crossing()
    seed: int = 0
    """Seed of the module `random` in the tests; 0: one of the system's."""
    replays: int = 0
    """Maximum number of calls to repeat, in another order, on a fresh candidate."""
    rerun: bool = False
    """Run the tests again on that candidate, even if no answer of it differs."""
    repeated: Repeated = ""
    """There, which other calls are made between the tests' own, where calls can't be repeated alone."""
    weighed: Weighed | None = None
    """Also weigh the tests, if all pass."""
    together: bool = False
    """Only run the tests in the candidate's process, which it can tamper with."""


async def run_trial(
    candidates: Candidates, checkers: Checkers, trial: Trial, *, limits: Limits
) -> TrialResult:
    """Try one function; each candidate and the checker have a private workspace.

    `limits` hold for each process, with up to a second more of CPU: the caller compares the CPU time used.
    Wall time covers the trial. Raises SandboxBroken if a sandbox fails.
    """
    wall_s, process_limits = add_wall_slack(limits)
    cpu_s = limits.cpu_s or Policy().cpu_s
    process_limits = process_limits.model_copy(update={"cpu_s": cpu_s + _SPARE_CPU_S})
    crossing = trial.crossing.plain()
    fields = trial.model_dump(include={"tidy", "seed", "replays", "rerun", "repeated", "together"})
    fields |= {"module": _MODULE, "crossing": crossing, "cpu_s": math.ceil(cpu_s + _SPARE_CPU_S)}
    fields["behind"] = limits.behind
    fields["weighed"] = None if trial.weighed is None else trial.weighed.model_dump(mode="json")

    async def start() -> Running | Candidate:
        candidate = {key: crossing[key] for key in ("write_back", "kinds")}
        candidate |= {"modules": {_MODULE: trial.source}, "timer_s": cpu_s}
        return await candidates.start(candidate, limits=process_limits)

    return await run_job(start, checkers, _job("trial", trial, **fields, wall_s=wall_s), wall_s)


def alarm_source() -> str:
    """Return the source of `run_trial_together`'s alarm, for programs that run tests and code together."""
    return (files("sandbox.inner.checker") / "alarm.py").read_text(encoding="utf-8")


async def run_trial_together(sandbox: Sandbox, trial: Trial, *, limits: Limits) -> TrialResult:
    """Try one function in the process of its tests, which it can tamper with. Raises SandboxBroken."""
    wall_s, process_limits = add_wall_slack(limits)
    checkers = Checkers(sandbox, once=process_limits)
    result = await run_job(None, checkers, _job("together", trial, source=trial.source), wall_s)
    checker = result.checker.model_copy(update={"cpu_s": 0.0})  # the candidate's result counts it
    return replace(result, candidates=(result.checker,), checker=checker)


def _job(runner: str, trial: Trial, **fields: object) -> bytes:
    checks = [{"source": source} for source in trial.tests]
    job = {"runner": runner, "checks": checks, "prelude": trial.prelude, "entry_point": trial.entry_point}
    return json.dumps({**job, **fields}).encode()
