"""Run test files with pytest inside a sandbox, each in its own process.

A process that has imported pytest and nothing of the repository forks them one after another; leftover
processes and files are removed in between. The report comes from the process that runs the tests: it is a
claim that `decoys` checks. Alarms (`alarm`) and changes of the test tool (`watched.txt`) go to stderr at
once, where they can't be withdrawn; failures too, where the first one of some tests decides.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from benchmarks.judge.candidate_tree import case_tests
from benchmarks.judge.mode import Tool
from benchmarks.judge.pytest_report import PytestStream, TestRun, read_report
from benchmarks.suite import RepositoryCase
from sandbox import Command, Limits, Sandbox
from sandbox.verdicts.trial import alarm_source

_PYTEST = ("-q", "-p", "no:cacheprovider", "--tb=native", "--no-summary")
"""No summary: failures of hundreds of twins would flood it. Native tracebacks: pytest's parse the source of
each frame, which costs memory and can itself fail and end the run."""
_PLAIN = ("--assert=plain",)
"""Rewriting each assertion and describing each comparison took a third of a run with twins."""
_ROOT = "/w"
"""Path of a sandbox's workspace."""
_OURS = ("PYTHONPATH", "PYTEST_ADDOPTS")
_WALL_FACTOR, _WALL_MORE_S = 2.0, 10.0
_TRIAL_MORE_S = 5.0
_PRIVATE = ("bubblewrap", "docker")
"""Sandboxes in which a run has its own writable places, so that they can be cleared."""
_DIVIDED_S = 0.5
"""Expected seconds from which on a second process, which takes 0.25 s to start, ends the tests earlier."""
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
    decides: Callable[[str], bool] | None = None
    """Whether the failure of a node makes all else needless: the first one ends all jobs of a call."""
    seconds: float = 0.0
    """How long it is expected to take; 0 if that isn't known."""


async def run_jobs(
    sandbox: Sandbox,
    case: RepositoryCase,
    tree: Mapping[str, bytes],
    jobs: Sequence[Job],
    *,
    tool: Tool,
) -> list[TestRun]:
    """Run files of the tree in fresh workspaces; jobs behind one that takes too long are skipped.

    What takes long is divided between two processes. A failure that decides ends both, and is then the only
    one that the reports have.
    """
    if sandbox.backend in _PRIVATE and sum(map(len, tree.values())) <= _LARGE_TREE:
        # Docker's memory limit is that of a container, which all runs share.
        parts = _parts(jobs) if sandbox.backend != "docker" else [[*range(len(jobs))]]
        found = await _side_by_side(
            [_run(sandbox, case, tree, [jobs[i] for i in part], tool) for part in parts]
        )
        of_job = {
            i: run
            for part, some in zip(parts, found, strict=True)
            for i, run in zip(part, some, strict=False)
        }
        return [of_job.get(i, TestRun()) for i in range(len(jobs))]
    runs: list[TestRun] = []
    for job in jobs:
        runs += await _run(sandbox, case, tree, [job], tool)
        if runs[-1].result is None:
            break
    return runs + [TestRun() for _ in jobs[len(runs) :]]


def _parts(jobs: Sequence[Job]) -> list[list[int]]:
    """Numbers of the jobs for each process."""
    if (os.cpu_count() or 1) < 2 or sum(job.seconds for job in jobs) < _DIVIDED_S:
        return [[*range(len(jobs))]]
    parts: list[list[int]] = [[], []]
    for i in sorted(range(len(jobs)), key=lambda i: -jobs[i].seconds):
        min(parts, key=lambda part: sum(jobs[one].seconds for one in part)).append(i)
    return [part for part in parts if part]


async def _side_by_side(runs: Sequence[Coroutine[None, None, list[TestRun]]]) -> list[list[TestRun]]:
    """Reports of runs side by side; one that a failure has ended ends the others."""
    tasks = [asyncio.ensure_future(run) for run in runs]
    waiting = {*tasks}
    try:
        while waiting:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if any(run.result is None for task in ended for run in task.result()):
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [[] if task.cancelled() else task.result() for task in tasks]


async def _run(
    sandbox: Sandbox, case: RepositoryCase, tree: Mapping[str, bytes], jobs: Sequence[Job], tool: Tool
) -> list[TestRun]:
    name = f"report_{secrets.token_hex(6)}"
    keys = [secrets.token_hex(8) for _ in jobs]
    environment = {
        "PYTHONDONTWRITEBYTECODE": "1",
        **({} if tool == "plugins" else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        **{one: value for one, value in case.environment.items() if one not in _OURS},
    }
    wall_s = case.timeout_s * _WALL_FACTOR + _WALL_MORE_S
    given = [_given(job, key, wall_s) for job, key in zip(jobs, keys, strict=True)]
    stream = PytestStream({key: job.decides for key, job in zip(keys, jobs, strict=True)})
    running = asyncio.ensure_future(
        sandbox.run(
            Command(argv=("python", f"{name}.py"), environment=environment),
            limits=Limits(cpu_s=case.timeout_s, wall_s=wall_s + case.timeout_s),
            stdin=json.dumps(given).encode(),
            fresh=True,
            files={**tree, f"{name}.py": _reporter(name, case, tree, tool).encode()},
            on_output=stream.take,
        )
    )
    deciding = asyncio.ensure_future(stream.decided.wait())
    try:
        await asyncio.wait([running, deciding], return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            return [stream.run_of(key) for key in keys]
        result = running.result()
    finally:
        running.cancel()
        deciding.cancel()
        await asyncio.gather(running, deciding, return_exceptions=True)
    content = next((one.content for one in result.artifacts if one.path == f"{name}.jsonl"), b"")
    return [read_report(result, content, key, bytes(stream.told)) for key in keys]


def _given(job: Job, key: str, wall_s: float) -> dict[str, object]:
    return {
        "path": job.path,
        "source": job.source,
        "only": None if job.only is None else sorted(job.only),
        "limits": None if job.limits is None else dict(job.limits),
        "key": key,
        "streams": job.decides is not None,
        "wall_s": wall_s if job.limits is None else min(wall_s, sum(job.limits.values()) + _TRIAL_MORE_S),
    }


def _reporter(name: str, case: RepositoryCase, tree: Mapping[str, bytes], tool: Tool) -> str:
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
        # Where Python leaves out assertions, only rewritten ones hold.
        "@ARGUMENTS@": f"[*{_PYTEST!r}, *({_PLAIN!r} if __debug__ else ())]"
        if tool == "plain"
        else repr(_PYTEST),
        "@ALARM@": alarm_source().replace("from __future__ import annotations\n", ""),
    }.items():
        filled = filled.replace(place, text)
    return filled
