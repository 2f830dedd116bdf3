"""Seconds for verdicts on packages. Run: python -m perf.judge_repositories PACKAGE... --python PYTHON

PACKAGE is the folder of an unpacked source distribution with its tests; PYTHON has pytest and what they need.
Of each package one function that its tests name loses its body; the patch that brings the body back has to
pass, one that returns None to fail. Printed are the first and the next verdict of each package in seconds of
wall time, beside the time that its tests take where nothing is isolated, and all verdicts with two workers.
Aims: first <= 2 s + 4 x the suite's own time, next <= 1 s + 3 x; 28 verdicts on 14 packages <= 120 s on two
quiet cores.
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
from pathlib import Path, PurePosixPath

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite

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
    named = " ".join(tests.values())
    root = "src" if any(path.startswith("src/") for path in files) else "."
    found = []
    for path, content in files.items():
        if path.endswith(".py") and path not in tests and not set(_AROUND) & {*PurePosixPath(path).parts}:
            for node in ast.parse(content).body:
                if isinstance(node, ast.FunctionDef) and (uses := named.count(f"{node.name}(")):
                    found.append((abs(uses - 4), path, node))
    _, path, node = min(found, key=lambda one: one[:2])
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


def own_seconds(package: Path, case: RepositoryCase, python: Path) -> float:
    """Wall time of all its test files in one plain run of pytest, as pytest tells it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(package / case.pythonpath),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    argv = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, *case.hidden_tests]
    ran = subprocess.run(argv, cwd=package, env=environment, capture_output=True, text=True, check=False)
    told = re.search(r" in ([\d.]+)s", ran.stdout)
    return float(told.group(1)) if told else float("nan")


async def timed(judge: Judge, case: RepositoryCase, patch: str) -> tuple[float, str]:
    """Seconds of one verdict, and what it is."""
    began = time.perf_counter()
    found = await judge.judge(case, patch)
    return time.perf_counter() - began, f"{found.verdict} {found.strength} {found.detail[:200]}"


async def one_by_one(packages: list[Path], python: Path) -> None:
    """Print the first and the next verdict of each package."""
    for package in packages:
        case, wrong = removed(package)
        own = own_seconds(package, case, python)
        suite = Suite(name=case.id, version="1", cases=(case,))
        with tempfile.TemporaryDirectory() as cache:
            async with open_judge(suite, python=python, cache=Path(cache)) as judge:
                first, said = await timed(judge, case, case.gold_patch or "")
                refused, why = await timed(judge, case, wrong)
            async with open_judge(suite, python=python, cache=Path(cache)) as judge:
                again, _ = await timed(judge, case, case.gold_patch or "")
        print(
            f"{case.id:24} own {own:6.2f}  first {first:6.2f} {'ok' if first <= 2 + 4 * own else 'over'}",
            end="  ",
        )
        print(
            f"next {again:6.2f} {'ok' if again <= 1 + 3 * own else 'over'}  wrong {refused:6.2f}", flush=True
        )
        print(f"    {case.prompt}: {said}\n    {why}", flush=True)


async def all_at_once(packages: list[Path], python: Path, workers: int) -> None:
    """Print how long two verdicts on each package take, side by side."""
    pairs = [removed(package) for package in packages]
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
    given = parser.parse_args()
    if not given.only_all:
        asyncio.run(one_by_one(given.packages, given.python))
    asyncio.run(all_at_once(given.packages, given.python, given.workers))


if __name__ == "__main__":
    main()
