"""Seconds for verdicts on packages. Run: python -m perf.judge_repositories PACKAGE... --python PYTHON

PACKAGE is the folder of an unpacked source distribution with its tests; PYTHON has pytest and what they need.
Or it is the folder of a repository task (`task.json`), of which the case's own patch and none are judged.
Of each package one function that its tests name loses its body; the patch that brings the body back has to
pass, one that returns None to fail. Printed are the first and the next verdict of each package in seconds of
wall time, beside the wall time of plain pytest on the same files just before, and all verdicts with two
workers; with --where, each run of the judge: seconds since the verdict began, wall time, jobs and CPU.
Aims: first <= 2 s + 4 x plain pytest, next <= 1 s + 2 x; 28 verdicts on 14 packages <= 240 s.
"""

import argparse
import ast
import asyncio
import difflib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from types import ModuleType

from benchmarks.judge import among_twins, pinning, repository, twin_search
from benchmarks.judge.candidate_tree import gold_tree
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.mode import files_of
from benchmarks.judge.pytest_report import TestRun
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.suites.repotasks import TASK, read_repository_folder
from sandbox import CheckReport

_TEST = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
_OPTIONS = ("pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini")
"""They may ask for plugins that nobody installed."""
_AROUND = ("tests", "test", "docs", "doc", "examples", "benchmarks", "setup.py")


def removed(package: Path) -> tuple[RepositoryCase, str]:
    """The case of a package, and a patch that is wrong."""
    files = {
        str(path.relative_to(package)): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.suffix not in (".pyc", ".so") and path.stat().st_size < 1 << 20
        if path.name not in _OPTIONS
    }
    tests = {path: text.decode() for path, text in files.items() if _TEST.search(path)}
    test_source = " ".join(tests.values())
    root = "src" if any(path.startswith("src/") for path in files) else "."
    unnamed = []
    for path, content in files.items():
        if path.endswith(".py") and path not in tests and not set(_AROUND) & {*PurePosixPath(path).parts}:
            for node in ast.parse(content).body:
                if isinstance(node, ast.FunctionDef) and (uses := test_source.count(f"{node.name}(")):
                    unnamed.append((abs(uses - 4), path, node))
    _, path, node = min(unnamed, key=lambda one: one[:2])
    lines = files[path].decode().splitlines(keepends=True)
    first, last = node.body[0].lineno - 1, node.body[-1].end_lineno or 0
    indent = " " * node.body[0].col_offset
    base = [*lines[:first], f"{indent}raise NotImplementedError\n", *lines[last:]]
    wrong = [*lines[:first], f"{indent}return None\n", *lines[last:]]
    case = RepositoryCase(
        id=package.name,
        prompt=f"{path}: {node.name}",
        files={**files, path: "".join(base).encode()},
        hidden_tests=tests,
        gold_patch=_diff(path, base, lines),
        pythonpath=root,
        timeout_s=60,
    )
    return case, _diff(path, base, wrong)


def _diff(path: str, before: list[str], after: list[str]) -> str:
    return "".join(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"))


def task_case(folder: Path) -> tuple[RepositoryCase, str]:
    """The case of a repository task, and a patch that changes nothing of the code."""
    return read_repository_folder(folder), "--- /dev/null\n+++ b/unrelated.txt\n@@ -0,0 +1 @@\n+nothing\n"


def case_of(package: Path) -> tuple[RepositoryCase, str]:
    """The case of a package or of a task, and a patch that is wrong."""
    return task_case(package) if (package / TASK).exists() else removed(package)


def own_seconds(case: RepositoryCase, python: Path) -> float:
    """Wall time of plain pytest on the files of a judgement, with the case's own patch."""
    nodes = (*case.fail_to_pass, *case.pass_to_pass)
    with tempfile.TemporaryDirectory() as folder:
        for path, content in gold_tree(case).items():
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, path).write_bytes(content)
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(folder, case.pythonpath)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        tests = files_of(nodes) or [*case.hidden_tests]
        argv = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        began = time.perf_counter()
        subprocess.run(argv, cwd=folder, env=environment, capture_output=True, check=False)
        return time.perf_counter() - began


_Found = list[TestRun] | CheckReport | None


class Runs:
    """Prints each run of tests that the judge makes."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        for module in (pinning, twin_search, among_twins):
            self._watch(module, "run_jobs")
        for module in (pinning, repository):
            self._watch(module, "run_apart")

    def _watch(self, module: ModuleType, name: str) -> None:
        inner: Callable[..., Awaitable[_Found]] = getattr(module, name)

        async def run(*given: object, **more: object) -> _Found:
            start = time.perf_counter()
            try:
                result = await inner(*given, **more)
            except asyncio.CancelledError:
                self._show(module, name, start, "cancelled")
                raise
            self._show(module, name, start, _described(result))
            return result

        setattr(module, name, run)

    def _show(self, module: ModuleType, name: str, start: float, text: str) -> None:
        place = f"{module.__name__.rpartition('.')[2]}.{name}"
        now = time.perf_counter()
        print(f"    {start - self.began:7.2f} +{now - start:6.2f} s  {place:24} {text}", flush=True)


def _described(found: _Found) -> str:
    if isinstance(found, list):
        cpu_s = sum({id(one.result): one.result.cpu_s for one in found if one.result}.values())
        return f"{len(found)} jobs, {sum(len(one.seen) for one in found)} tests, {cpu_s:.2f} s CPU"
    return f"{len(found.results)} tests apart" if found is not None else "no package"


async def timed(
    judge: Judge, case: RepositoryCase, patch: str, runs: Runs | None = None
) -> tuple[float, str]:
    """Seconds of one verdict, and what it is."""
    began = time.perf_counter()
    if runs is not None:
        runs.began = began
        print(f"  {case.id}", flush=True)
    verdict = await judge.judge(case, patch)
    return time.perf_counter() - began, f"{verdict.verdict} {verdict.strength} {verdict.detail[:200]}"


async def one_by_one(packages: list[Path], python: Path, runs: Runs | None) -> None:
    """Print the first and the next verdict of each package."""
    for package in packages:
        case, wrong = case_of(package)
        own = own_seconds(case, python)
        suite = Suite(name=case.id, version="1", cases=(case,))
        with tempfile.TemporaryDirectory() as cache:
            async with open_judge(suite, python=python, cache=Path(cache)) as judge:
                first, said = await timed(judge, case, case.gold_patch or "", runs)
                refused, why = await timed(judge, case, wrong, runs)
            async with open_judge(suite, python=python, cache=Path(cache)) as judge:
                again, _ = await timed(judge, case, case.gold_patch or "", runs)
        print(
            f"{case.id:24} own {own:6.2f}  first {first:6.2f} {'ok' if first <= 2 + 4 * own else 'over'}",
            end="  ",
        )
        print(
            f"next {again:6.2f} {'ok' if again <= 1 + 2 * own else 'over'}  wrong {refused:6.2f}", flush=True
        )
        print(f"    {case.prompt.partition(chr(10))[0]}: {said}\n    {why}", flush=True)


async def all_at_once(packages: list[Path], python: Path, workers: int) -> None:
    """Print how long two verdicts on each package take, side by side."""
    pairs = [case_of(package) for package in packages]
    suite = Suite(name="packages", version="1", cases=tuple(case for case, _ in pairs))
    waiting = iter([(case, patch) for case, wrong in pairs for patch in (case.gold_patch or "", wrong)])
    began = time.perf_counter()
    async with open_judge(suite, python=python) as judge:

        async def work() -> None:
            for case, patch in waiting:
                took, said = await timed(judge, case, patch)
                print(f"    {case.id:24} {took:6.2f}  {said[:60]}", flush=True)

        await asyncio.gather(*(work() for _ in range(workers)))
    print(f"{2 * len(pairs)} verdicts in {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="+", type=Path)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only-all", action="store_true", help="skip the verdicts one by one")
    parser.add_argument("--where", action="store_true", help="print each run of the judge")
    parser.add_argument("--only-one-by-one", action="store_true", help="skip the verdicts side by side")
    arguments = parser.parse_args()
    if not arguments.only_all:
        asyncio.run(one_by_one(arguments.packages, arguments.python, Runs() if arguments.where else None))
    if not arguments.only_one_by_one:
        asyncio.run(all_at_once(arguments.packages, arguments.python, arguments.workers))


if __name__ == "__main__":
    main()
