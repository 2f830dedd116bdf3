"""Run checks on a candidate's modules and decide the results outside its process.

The candidate and the pristine checks run in separate sandboxes that exchange plain data. Only the checker's
reports count; output, files, exceptions and exit codes of the candidate do not.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, InstanceOf, field_validator

from sandbox.contract import Running, Sandbox
from sandbox.policy import Limits
from sandbox.result import Result, Value
from sandbox.verdicts.candidate_pool import Checkers
from sandbox.verdicts.relay import TrialResult, add_wall_slack, run_job
from sandbox.verdicts.run_report import ANY_CROSSING, CheckResult, Crossing, RunReport


class Assertion(Value):
    """Statements that must not raise, such as `assert add(2, 3) == 5`. Unknown names are the candidate's."""

    kind: Literal["assertion"] = "assertion"
    source: str
    entry_point: str | None = None
    """The name under test: taken from the candidate even if a builtin has it."""

    @property
    def name(self) -> str:
        """Name in results."""
        return _one_line(self.source)


class Example(Value):
    """An example of an interactive session. The examples of one check share a session."""

    kind: Literal["example"] = "example"
    source: str
    want: str

    @property
    def name(self) -> str:
        """Name in results."""
        return f">>> {_one_line(self.source)}"


class TestFile(Value):
    """Test functions, classes, unittest, pytest, bare assertions, or `check(candidate)` of `entry_point`."""

    __test__ = False

    kind: Literal["file"] = "file"
    path: str
    """Relative path used in results; a file for pytest is written there in the checker's workspace."""
    source: str
    entry_point: str | None = None
    as_program: bool = False
    """Run it as `python3 PATH` does, instead of its tests: it passes unless it raises or fails to end."""
    imports_alone: bool = False
    """A name that it neither defines nor imports is undefined, as in Python; else it is the candidate's."""

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: str) -> str:
        if not path or path.startswith("/") or ".." in PurePosixPath(path).parts or "\0" in path:
            raise ValueError(f"{path!r} isn't a relative path inside the workspace")
        return path

    @property
    def name(self) -> str:
        """Name in results if none of its tests has one."""
        return self.path


Check = Assertion | Example | TestFile


@dataclass(frozen=True, slots=True)
class Trees:
    """Files by path of a check's two workspaces, which last as long as the check."""

    candidate: Mapping[str, bytes]
    checker: Mapping[str, bytes]
    """Files for the checker: nothing that a candidate wrote."""


class WeighedTests(Value):
    """Weigh passing tests by what they say to other answers and constants."""

    tests: frozenset[str] | None = None
    """Names of the tests; None: all."""
    seed: int = 0
    """Seed by which changes are drawn."""
    enough: int = 15
    """Failures of one test by changes of one kind after which no more are tried; 0: none are tried at all."""
    seconds: float = 10.0
    """Time for all runs on changed answers."""
    own: dict[str, dict[str, int]] | None = None
    """By function, how often each exchange took place with the right answer; None: unknown."""
    varying: dict[str, frozenset[str]] = Field(default_factory=dict)
    """So, requests whose answers vary with the right answer, too."""
    targets: dict[str, frozenset[str]] | None = None
    """So, requests whose answers are changed; None: those of exchanges that the right answer doesn't have."""
    change: int | None = None
    """Instead, run each test with one of its constants changed, that of this number, and count exchanges."""
    lines: bool = False
    """Count the lines with assertions that run, instead of naming those that never did."""


class CheckReport(Value):
    """Results of all checks, in order."""

    results: tuple[CheckResult, ...]
    complete: bool
    """Whether the checker reported an end for every check and then the end of all."""
    candidate: Result
    checker: Result
    note: str = ""
    """Why the report is incomplete."""
    timed_out: bool = False
    """Whether the whole check or a call of the candidate timed out."""
    decided: bool = False
    """Whether a result that made all others needless ended the check."""
    custom_equality: bool = False
    """Whether an object with a custom `__eq__` was compared with plain data, of which it equals none."""
    unreached: frozenset[str] = frozenset()
    """Assertions, as PATH:LINE: TEXT, that never ran though the function around them did."""
    exchanged: str = ""
    """Digest of all frames that passed between the tests and the candidate."""
    parts: dict[str, InstanceOf[RunReport]] = Field(default_factory=dict)
    """What the weighed tests of each function showed; of "", what happened outside of them."""
    ended: bool = True
    """Whether the checker reached the end of all checks."""
    changed: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    """What crossed, as fields of `Crossing`."""
    refused: frozenset[str] = frozenset()
    """What was refused, such as `comparisons` by the candidate's operators."""
    ambiguous: frozenset[str] = frozenset()
    """Modules of the candidate that tests import and that the checker has, too: they can't be tested."""

    @property
    def passed(self) -> bool:
        """Whether every check was reported as passed and none is missing."""
        return self.complete and bool(self.results) and all(result.passed for result in self.results)


async def check(
    candidate: Sandbox,
    checker: Sandbox,
    checks: Sequence[Check],
    *,
    module: str = "solution",
    provides: Sequence[str] = (),
    folders: Sequence[str] = (),
    limits: Limits | None = None,
    crossing: Crossing = ANY_CROSSING,
    decides: Callable[[CheckResult], bool] | None = None,
    others_s: float = 0.0,
    max_failures: int | None = None,
    trees: Trees | None = None,
    seed: int = 0,
    weighed: WeighedTests | None = None,
) -> CheckReport:
    """Run `checks` in one sandbox against modules in another sandbox's workspace.

    Args:
        candidate: Has the modules under test in its workspace.
        checker: Must never hold anything written by a candidate; pytest's conftest.py belongs here.
        module: Module in which names that a check doesn't define are looked up.
        provides: Other modules of the candidate's workspace that tests may import.
        folders: Relative paths in the candidate's workspace to search for these modules, too.
        limits: Limits of each of the two processes; wall time covers the whole check, 10 s by default.
        decides: Whether a result makes all others needless: both processes are ended at the first one.
        others_s: Seconds that the other tests still get after such a result.
        max_failures: Failures without a failed assertion after which the rest of a check is left out.
        trees: Files of a fresh workspace for each of the two, in place of the sandboxes' own workspaces.
        seed: Seed of the module `random` in the tests; 0: one of the system's.
        weighed: How tests that pass are weighed; None: they aren't.

    Raises:
        ValueError: one sandbox for both, or a module with the name of one in the standard library.
        SandboxBroken: a sandbox stopped working.
    """
    if candidate is checker:
        raise ValueError("The candidate and the checker need a sandbox each.")
    if module.partition(".")[0] in sys.stdlib_module_names:
        raise ValueError(f"{module!r} is a module of the standard library: tests would import that one.")
    wall_s, process_limits = add_wall_slack(_with_more_time(limits or Limits(), weighed))
    crossing_fields = crossing.plain()
    job = {
        "runner": "checks",
        "checks": [{**item.model_dump(), "name": item.name} for item in checks],
        "module": module,
        "provides": list(provides),
        "folders": list(folders),
        "crossing": crossing_fields,
        "wall_s": wall_s,
        "max_failures": max_failures,
        "seed": seed,
        "weighed": None if weighed is None else weighed.model_dump(mode="json"),
    }

    async def start() -> Running:
        arguments = {key: crossing_fields[key] for key in ("write_back", "kinds")}
        return await candidate.start(
            "bridge.callee",
            arguments,
            limits=process_limits,
            fresh=trees is not None,
            files=trees.candidate if trees is not None else None,
        )

    own_files = trees.checker if trees is not None else None
    checkers = Checkers(checker, once=process_limits, fresh=trees is not None, files=own_files)
    report = RunReport(decides=decides, others_s=others_s)
    job_result = await run_job(start, checkers, json.dumps(job).encode(), wall_s, report)
    return _report(checks, job_result)


def _with_more_time(limits: Limits, weighed: WeighedTests | None) -> Limits:
    """Return limits with the time of the weighing."""
    if weighed is None:
        return limits
    more = {name: value + weighed.seconds for name in ("cpu_s", "wall_s") if (value := getattr(limits, name))}
    return limits.model_copy(update=more)


def _report(checks: Sequence[Check], job_result: TrialResult) -> CheckReport:
    outcome = job_result.outcome
    results: list[CheckResult] = []
    missing = 0
    for number, item in enumerate(checks):
        results_of_check = outcome.results.get(number, [])
        if outcome.unfinished is not None and outcome.unfinished[0] == number:
            results_of_check = [
                *results_of_check,
                CheckResult(name=outcome.unfinished[1], passed=False, message=outcome.note, cause="cut"),
            ]
            missing += 1
        elif not results_of_check:
            message = f"not run: {outcome.note}"
            results_of_check = [CheckResult(name=item.name, passed=False, message=message, cause="cut")]
            missing += 1
        results += results_of_check
    return CheckReport(
        results=tuple(results),
        complete=outcome.complete and not missing,
        candidate=job_result.candidates[0],
        checker=job_result.checker,
        ended=outcome.complete,
        **{name: getattr(outcome, name) for name in _COPIED_FIELDS},
    )


_COPIED_FIELDS = (
    "note",
    "timed_out",
    "decided",
    "custom_equality",
    "unreached",
    "exchanged",
    "parts",
    "changed",
    "uses",
    "refused",
    "ambiguous",
)


def _one_line(source: str) -> str:
    text = " ".join(source.split())
    return text if len(text) <= 120 else f"{text[:117]}..."
