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
from benchmarks.judge.pytest_report import PytestStream, TestRun, messages_by_key, read_report
from benchmarks.suite import RepositoryCase
from sandbox import Command, Limits, Program, PythonCode, Sandbox
from sandbox.verdicts.trial import alarm_source

_PYTEST = ("-q", "-p", "no:cacheprovider", "--tb=native", "--no-summary")
"""No summary: failures of hundreds of twins would flood it. Native tracebacks: pytest's parse the source of
each frame, which costs memory and can itself fail and end the run."""
_PLAIN = ("--assert=plain",)
"""Rewriting each assertion and describing each comparison took a third of a run with twins."""
_ROOT = "/w"
"""Path of a sandbox's workspace."""
_OWN_VARIABLES = ("PYTHONPATH", "PYTEST_ADDOPTS")
_OF_A_START = ("PYTHON", "PATH", "LD_")
"""Prefixes of variables that take effect only when an interpreter starts."""
_PARTS_OF_PYTEST = """
    _argcomplete assertion doctest faulthandler fixtures helpconfig junitxml monkeypatch pastebin python
    runner setuponly setupplan skipping threadexception tracemalloc unittest unraisableexception warnings
"""
PRELOADED = ("pytest", "unittest.mock", *(f"_pytest.{name}" for name in _PARTS_OF_PYTEST.split()))
"""Modules that each run imports, for `Policy.preload`; a version of pytest may lack some."""
_TRIAL_MORE_S = 5.0
_PRIVATE_BACKENDS = ("bubblewrap", "docker")
"""Backends in which a run has private writable folders, so that they can be cleared."""
_MIN_DIVIDED_S = 0.5
"""Use a second process, which takes 0.25 s to start, if tests take at least this many seconds."""
_MAX_RESTORED = 32 << 20
"""Restore trees of at most this many bytes; larger trees are written anew for each file, to save memory."""


@dataclass(frozen=True, slots=True)
class PytestRun:
    """Run of one test file, or of some of its tests."""

    path: str
    source: str | None = None
    """Content that replaces the tree's file."""
    only: frozenset[str] | None = None
    """Qualified names of the tests to run; None: all."""
    limits: Mapping[str, float] | None = None
    """Wall seconds for each test by qualified name; a slower test is ended and reported."""
    decides: Callable[[str], bool] | None = None
    """Whether the failure of a node decides the call: the first such failure ends all jobs."""
    seconds: float = 0.0
    """Expected seconds of the run; 0 if unknown."""


async def run_jobs(
    sandbox: Sandbox,
    case: RepositoryCase,
    tree: Mapping[str, bytes],
    jobs: Sequence[PytestRun],
    *,
    tool: Tool,
) -> list[TestRun]:
    """Run files of the tree in fresh workspaces; jobs behind one that takes too long are skipped.

    Long runs are divided between two processes. A deciding failure ends both processes, and the reports then
    contain only this failure.
    """
    if sandbox.backend in _PRIVATE_BACKENDS and sum(map(len, tree.values())) <= _MAX_RESTORED:
        # Docker's memory limit is that of a container, which all runs share.
        parts = _parts(jobs) if sandbox.backend != "docker" else [[*range(len(jobs))]]
        part_runs = await _run_concurrently(
            [_run(sandbox, case, tree, [jobs[i] for i in part], tool) for part in parts]
        )
        run_by_job = {
            i: run
            for part, runs_of_part in zip(parts, part_runs, strict=True)
            for i, run in zip(part, runs_of_part, strict=False)
        }
        return [run_by_job.get(i, TestRun()) for i in range(len(jobs))]
    runs: list[TestRun] = []
    for job in jobs:
        runs += await _run(sandbox, case, tree, [job], tool)
        if runs[-1].result is None:
            break
    return runs + [TestRun() for _ in jobs[len(runs) :]]


def _parts(jobs: Sequence[PytestRun]) -> list[list[int]]:
    """Return the numbers of the jobs for each process."""
    if (os.cpu_count() or 1) < 2 or sum(job.seconds for job in jobs) < _MIN_DIVIDED_S:
        return [[*range(len(jobs))]]
    parts: list[list[int]] = [[], []]
    for i in sorted(range(len(jobs)), key=lambda i: -jobs[i].seconds):
        min(parts, key=lambda part: sum(jobs[job].seconds for job in part)).append(i)
    return [part for part in parts if part]


async def _run_concurrently(runs: Sequence[Coroutine[None, None, list[TestRun]]]) -> list[list[TestRun]]:
    """Run concurrently and return the reports; a run that ends with a deciding failure ends the others."""
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
    sandbox: Sandbox, case: RepositoryCase, tree: Mapping[str, bytes], jobs: Sequence[PytestRun], tool: Tool
) -> list[TestRun]:
    name = f"report_{secrets.token_hex(6)}"
    keys = [secrets.token_hex(8) for _ in jobs]
    environment = {
        "PYTHONDONTWRITEBYTECODE": "1",
        **({} if tool == "plugins" else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        **{name: value for name, value in case.environment.items() if name not in _OWN_VARIABLES},
    }
    reporter, files = _reporter(name, case, tree, tool), tree
    program: Program = PythonCode(source=reporter, filename=f"{name}.py", environment=environment)
    if not _finds_preloaded(sandbox, case):
        program = Command(argv=("python", f"{name}.py"), environment=environment)
        files = {**tree, f"{name}.py": reporter.encode()}
    job_requests = [_job_request(job, key, case.tests_wall_s()) for job, key in zip(jobs, keys, strict=True)]
    stream = PytestStream({key: job.decides for key, job in zip(keys, jobs, strict=True)})
    running = asyncio.ensure_future(
        sandbox.run(
            program,
            limits=Limits(cpu_s=case.timeout_s, wall_s=case.tests_wall_s() + case.timeout_s),
            stdin=json.dumps(job_requests).encode(),
            fresh=True,
            files=files,
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
    content = next(
        (artifact.content for artifact in result.artifacts if artifact.path == f"{name}.jsonl"), b""
    )
    reported, streamed = messages_by_key(content.splitlines()), messages_by_key(stream.output.splitlines())
    return [read_report(result, reported.get(key, []), streamed.get(key, [])) for key in keys]


def _finds_preloaded(sandbox: Sandbox, case: RepositoryCase) -> bool:
    """Whether `python` is the interpreter of the sandbox's server, started as the case wants it."""
    is_server_python = sandbox.backend == "bubblewrap" and sandbox.image is None
    return is_server_python and not any(
        name.startswith(_OF_A_START) for name in case.environment if name not in _OWN_VARIABLES
    )


def _job_request(job: PytestRun, key: str, wall_s: float) -> dict[str, object]:
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
    """Return the source of the program that runs pytest and reports tests and alarms."""
    test_paths = case_tests(case)
    tests = [path for path in tree if path in test_paths or PurePosixPath(path).name == "conftest.py"]
    names = {PurePosixPath(test).name for test in tests if test.endswith(".py")} - {"__init__.py"}
    guarded_names = {f"{name}.py", f"{name}.jsonl", *names}
    source = (files("benchmarks.judge") / "reporter.txt").read_text()
    for place, text in {
        "@WATCHED@": (files("benchmarks.judge") / "watched.txt").read_text(),
        "@PATH@": f"{_ROOT}/{name}.jsonl",
        "@ROOT@": _ROOT,
        "@PATHS@": repr(list(dict.fromkeys((_ROOT, str(PurePosixPath(_ROOT, case.pythonpath)))))),
        "@TESTS@": repr([f"{_ROOT}/{test}" for test in tests]),
        "@GUARDED@": repr(sorted(guarded_names)),
        # Where Python leaves out assertions, only rewritten ones hold.
        "@ARGUMENTS@": f"[*{_PYTEST!r}, *({_PLAIN!r} if __debug__ else ())]"
        if tool == "plain"
        else repr(_PYTEST),
        "@ALARM@": alarm_source().replace("from __future__ import annotations\n", ""),
    }.items():
        source = source.replace(place, text)
    return source
