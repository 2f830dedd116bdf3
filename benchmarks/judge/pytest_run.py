"""Run test files with pytest inside a sandbox, each in its own process.

A process that has imported pytest and nothing of the repository forks them one after another; leftover
processes and files are removed in between. The report comes from the process that runs the tests: it is a
claim that `decoys` checks. Alarms (`alarm`) and changes of the test tool (`watched.txt`) go to stderr at
once, where they can't be withdrawn.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import PurePosixPath

from benchmarks.judge.candidate_tree import case_tests
from benchmarks.suite import RepositoryCase
from coder.text.sanitize import printable
from sandbox import Command, Limits, Result, Sandbox
from sandbox.checks.trial import alarm_source

_PYTEST = ("-q", "-p", "no:cacheprovider", "--tb=native", "--no-summary")
"""No summary: failures of hundreds of twins would flood it. Native tracebacks: pytest's parse the source of
each frame, which costs memory and can itself fail and end the run."""
_ROOT = "/w"
"""Path of a sandbox's workspace."""
_OURS = ("PYTHONPATH", "PYTEST_ADDOPTS")
_PHASES = ("setup", "call", "teardown")
_WALL_FACTOR, _WALL_MORE_S = 2.0, 10.0
_TRIAL_MORE_S = 5.0
_PRIVATE = ("bubblewrap", "docker")
"""Sandboxes in which a run has its own writable places, so that they can be cleared."""
_LARGE_TREE = 32 << 20
"""Bytes of a tree above which it is written anew for each file: restoring it takes too much memory."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one test file."""

    path: str
    source: str | None = None
    """Content that replaces the tree's file."""
    only: frozenset[str] | None = None
    """Qualified names of the tests to run; None: all."""
    limits: Mapping[str, float] | None = None
    """Wall seconds for each test by qualified name; a slower test is ended and reported."""


@dataclass(slots=True)
class TestRun:
    """Report of one test file, and how its process ended."""

    __test__ = False

    passed: set[str] = field(default_factory=set)
    """Node ids whose three phases all passed."""
    failures: dict[str, str] = field(default_factory=dict)
    """Last lines of the reason, for other node ids and for files that could not be collected."""
    unended: frozenset[str] = frozenset()
    """Tests that started and never finished: the process ended in one."""
    left: set[str] = field(default_factory=set)
    """Tests that exceeded their limit, or left threads."""
    broken: set[str] = field(default_factory=set)
    """Tests that raised another error than an assertion's before they came to the code under test."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds of each node."""
    done: bool = False
    timed_out: bool = False
    died: bool = False
    """SIGKILL ended its process though no limit was reached."""
    tripped: frozenset[str] = frozenset()
    """What set off an alarm, and where in the repository."""
    result: Result | None = None
    """End of the process that ran all files of this call."""

    skipped: set[str] = field(default_factory=set)
    """Node ids skipped before they began, by a mark or a fixture."""

    @property
    def passes_whole(self) -> bool:
        """Whether it finished, some test passed, and none failed."""
        return self.done and bool(self.passed) and self.failures.keys() <= self.skipped

    @property
    def seen(self) -> set[str]:
        """Node ids that ran at all."""
        return self.passed | self.failures.keys()


async def run_jobs(
    sandbox: Sandbox, case: RepositoryCase, tree: Mapping[str, bytes], jobs: Sequence[Job], *, plugins: bool
) -> list[TestRun]:
    """Run files of the tree in fresh workspaces; jobs behind one that takes too long are skipped."""
    if sandbox.backend in _PRIVATE and sum(map(len, tree.values())) <= _LARGE_TREE:
        return await _run(sandbox, case, tree, jobs, plugins)
    return [run for job in jobs for run in await _run(sandbox, case, tree, [job], plugins)]


async def _run(
    sandbox: Sandbox, case: RepositoryCase, tree: Mapping[str, bytes], jobs: Sequence[Job], plugins: bool
) -> list[TestRun]:
    name = f"report_{secrets.token_hex(6)}"
    keys = [secrets.token_hex(8) for _ in jobs]
    environment = {
        "PYTHONDONTWRITEBYTECODE": "1",
        **({} if plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        **{one: value for one, value in case.environment.items() if one not in _OURS},
    }
    wall_s = case.timeout_s * _WALL_FACTOR + _WALL_MORE_S
    told = bytearray()
    result = await sandbox.run(
        Command(argv=("python", f"{name}.py"), environment=environment),
        limits=Limits(cpu_s=case.timeout_s, wall_s=wall_s + case.timeout_s),
        stdin=json.dumps([_given(job, key, wall_s) for job, key in zip(jobs, keys, strict=True)]).encode(),
        fresh=True,
        files={**tree, f"{name}.py": _reporter(name, case, tree).encode()},
        on_output=lambda stream, piece: told.extend(piece) if stream == "stderr" else None,
    )
    content = next((one.content for one in result.artifacts if one.path == f"{name}.jsonl"), b"")
    return [_read(result, content, key, bytes(told)) for key in keys]


def _given(job: Job, key: str, wall_s: float) -> dict[str, object]:
    return {
        "path": job.path,
        "source": job.source,
        "only": None if job.only is None else sorted(job.only),
        "limits": None if job.limits is None else dict(job.limits),
        "key": key,
        "wall_s": wall_s if job.limits is None else min(wall_s, sum(job.limits.values()) + _TRIAL_MORE_S),
    }


def _reporter(name: str, case: RepositoryCase, tree: Mapping[str, bytes]) -> str:
    """Source of the program that runs pytest and reports tests and alarms."""
    own = case_tests(case)
    tests = [path for path in tree if path in own or PurePosixPath(path).name == "conftest.py"]
    names = {PurePosixPath(one).name for one in tests if one.endswith(".py")} - {"__init__.py"}
    guarded = {f"{name}.py", f"{name}.jsonl", *names}
    filled = (files("benchmarks.judge") / "reporter.txt").read_text()
    for place, text in {
        "@WATCHED@": (files("benchmarks.judge") / "watched.txt").read_text(),
        "@PATH@": f"{_ROOT}/{name}.jsonl",
        "@ROOT@": _ROOT,
        "@PATHS@": repr(list(dict.fromkeys((_ROOT, str(PurePosixPath(_ROOT, case.pythonpath)))))),
        "@TESTS@": repr([f"{_ROOT}/{one}" for one in tests]),
        "@GUARDED@": repr(sorted(guarded)),
        "@ARGUMENTS@": repr(list(_PYTEST)),
        "@ALARM@": alarm_source().replace("from __future__ import annotations\n", ""),
    }.items():
        filled = filled.replace(place, text)
    return filled


def _read(result: Result, content: bytes, key: str, told: bytes) -> TestRun:
    found = TestRun(result=result)
    phases: dict[str, dict[str, str]] = {}
    done = False
    for line in content.splitlines():
        match _words(line, key):
            case ["test", str(node), str(phase), str(outcome), str(text), int() | float() as seconds]:
                if phases.setdefault(node, {}).get(phase) != "failed":  # a failed subtest has set it
                    phases[node][phase] = outcome
                found.seconds[node] = found.seconds.get(node, 0.0) + float(seconds)
                if outcome != "passed":
                    found.failures.setdefault(node, _innermost(text) or outcome)
            case ["collect", str(node), str(text)]:
                found.failures.setdefault(node, text)
            case ["left", str(node)]:
                found.left.add(node)
            case ["broke", str(node)]:
                found.broken.add(node)
            case ["done", int()]:
                done = True
            case ["ended", str(how)]:
                found.timed_out = found.timed_out or how in ("wall", "cpu")
                found.died = found.died or how == "died"
    alarms = [_words(line, key) for line in told.splitlines()]
    found.done = done and ["watched"] in alarms
    found.timed_out = found.timed_out or (result.killed_by in ("wall", "cpu") and not found.done)
    found.tripped = frozenset(
        printable(f"{one[1]} ({one[2]})") for one in alarms if one[:1] == ["tripped"] and len(one) == 3
    )
    whole = dict.fromkeys(_PHASES, "passed")
    found.passed = {node for node, outcomes in phases.items() if outcomes == whole}
    found.skipped = {node for node, outcomes in phases.items() if outcomes.get("setup") == "skipped"}
    found.unended = frozenset(phases.keys() - found.passed - found.failures.keys())
    for node in found.unended:
        found.failures[node] = "it did not end"
    return found


def _innermost(text: str) -> str:
    _, frame, last = text.rpartition("\n  File ")
    return f"{frame.strip()} {last}" if frame else text


def _words(line: bytes, key: str) -> list[object]:
    try:
        words = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return words[1:] if isinstance(words, list) and words[:1] == [key] else []
