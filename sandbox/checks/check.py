"""Checks that are decided outside of the candidate's process.

The candidate's modules run in one sandbox, pristine checks in another, plain data goes between them. Only the
checker's reports are results, nothing that the candidate prints, writes, raises or ends with.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from sandbox.checks.crossing import OPEN, Crossing
from sandbox.checks.relay import TrialResult, hold, walls_behind
from sandbox.checks.run_report import CheckResult
from sandbox.checks.standby import Checkers
from sandbox.contract import Running, Sandbox
from sandbox.policy import Limits
from sandbox.result import Result


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Assertion(_Value):
    """Statements that must not raise, such as `assert add(2, 3) == 5`. Unknown names are the candidate's."""

    kind: Literal["assertion"] = "assertion"
    source: str
    entry_point: str | None = None
    """The name that the task asked for: the candidate's, even where a builtin has it."""

    @property
    def name(self) -> str:
        """Its name in results."""
        return _one_line(self.source)


class Example(_Value):
    """What an interactive session shows. The examples of one check follow one another in one session."""

    kind: Literal["example"] = "example"
    source: str
    want: str

    @property
    def name(self) -> str:
        """Its name in results."""
        return f">>> {_one_line(self.source)}"


class TestFile(_Value):
    """Test functions, classes, unittest, pytest, bare assertions, or `check(candidate)` of `entry_point`."""

    __test__ = False

    kind: Literal["file"] = "file"
    path: str
    """Relative, as results call it; a file that pytest runs is written there, in the checker's workspace."""
    source: str
    entry_point: str | None = None

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if not path or path.startswith("/") or ".." in PurePosixPath(path).parts or "\0" in path:
            raise ValueError(f"{path!r} isn't a relative path inside the workspace")
        return path

    @property
    def name(self) -> str:
        """Its name in results where none of its tests has one."""
        return self.path


Check = Assertion | Example | TestFile


class CheckReport(_Value):
    """What became of all checks, in their order."""

    results: tuple[CheckResult, ...]
    complete: bool
    """The checker said of every check how it ended, and that there are no more."""
    candidate: Result
    checker: Result
    note: str = ""
    """Why it isn't complete."""
    timed_out: bool = False
    """Time ended it, or a call of the candidate."""
    disowned: bool = False
    """An object of a class with an `__eq__` of its own was compared with plain data: it equals none."""
    ended: bool = True
    """The checker came to the end of all checks."""
    changed: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    """What crossed, in the terms of `Crossing`."""

    @property
    def passed(self) -> bool:
        """Every check was reported passed, and none is missing."""
        return self.complete and bool(self.results) and all(result.passed for result in self.results)


async def check(
    candidate: Sandbox,
    checker: Sandbox,
    checks: Sequence[Check],
    *,
    module: str = "solution",
    provides: Sequence[str] = (),
    limits: Limits | None = None,
    crossing: Crossing = OPEN,
) -> CheckReport:
    """Run `checks` in one sandbox on the modules that lie in the workspace of another.

    Args:
        candidate: has the modules under test in its workspace.
        checker: must never hold anything that a candidate wrote; pytest's conftest.py belongs here.
        module: where names that a check doesn't define are looked up.
        provides: other modules that the candidate's workspace provides, as the task says.
        limits: of each of both processes; the wall covers the whole check, 10 s where it isn't given.

    Raises:
        ValueError: one sandbox for both, or a module with the name of one in the standard library.
        SandboxBroken: a sandbox stopped working.
    """
    if candidate is checker:
        raise ValueError("The candidate and the checker need a sandbox each.")
    if module.partition(".")[0] in sys.stdlib_module_names:
        raise ValueError(f"{module!r} is a module of the standard library: tests would import that one.")
    wall_s, behind = walls_behind(limits or Limits())
    allowed = crossing.plain()
    job = {
        "checks": [{**one.model_dump(), "name": one.name} for one in checks],
        "module": module,
        "provides": list(provides),
        "crossing": allowed,
        "wall_s": wall_s,
    }

    async def start() -> Running:
        arguments = {key: allowed[key] for key in ("write_back", "kinds")}
        return await candidate.start("bridge.callee", arguments, limits=behind)

    tried = await hold(start, Checkers(checker, once=behind), json.dumps(job).encode(), wall_s)
    return _report(checks, tried)


def _report(checks: Sequence[Check], tried: TrialResult) -> CheckReport:
    said = tried.outcome
    results: list[CheckResult] = []
    missing = 0
    for number, one in enumerate(checks):
        found = said.results.get(number, [])
        if said.unfinished is not None and said.unfinished[0] == number:
            found = [*found, CheckResult(name=said.unfinished[1], passed=False, message=said.note)]
            missing += 1
        elif not found:
            found = [CheckResult(name=one.name, passed=False, message=f"not run: {said.note}")]
            missing += 1
        results += found
    return CheckReport(
        results=tuple(results),
        complete=said.complete and not missing,
        candidate=tried.candidates[0],
        checker=tried.checker,
        ended=said.complete,
        **{name: getattr(said, name) for name in _AS_REPORTED},
    )


_AS_REPORTED = ("note", "timed_out", "disowned", "changed", "uses")


def _one_line(source: str) -> str:
    text = " ".join(source.split())
    return text if len(text) <= 120 else f"{text[:117]}..."
