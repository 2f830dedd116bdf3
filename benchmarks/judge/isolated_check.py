"""Run a repository's tests isolated from it: pytest and tests in one sandbox, the package in another."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import PurePosixPath
from types import MappingProxyType

from benchmarks.judge.candidate_tree import case_tests, gold_tree
from benchmarks.suite import RepositoryCase
from sandbox import CheckReport, CheckResult, Limits, Sandbox
from sandbox.verdicts.check import TestFile, check
from sandbox.verdicts.run_report import ALL_CHANGES, OPEN

Open = Callable[[], AbstractAsyncContextManager[Sandbox]]
"""Opens a sandbox for exclusive use."""
MAX_FILES = 400
"""Most files of a tree that is copied twice for every answer."""


async def run_apart(
    opened: Open,
    case: RepositoryCase,
    tree: Mapping[str, bytes],
    paths: Sequence[str],
    *,
    uses: frozenset[str] | None = None,
    shows_changes: bool = False,
    sources: Mapping[str, str] = MappingProxyType({}),
    helpers: Collection[str] = (),
    needed: Collection[str] = (),
    longest: float | None = None,
) -> CheckReport | None:
    """Results of the tests in these files; None if the tree isn't a package that can be called.

    Plain data is copied, objects become handles with callable methods; tests can compare plain data only.

    Args:
        uses: permitted uses of the tests' objects; None records those of the case's own patch.
        shows_changes: tests see all changes of their arguments, not only those of the case's own patch.
        sources: contents that replace the tree's test files.
        helpers: modules that run beside the tests, as the case has them.
        needed: tests of which the first one to fail ends the run.
        longest: CPU seconds for each of the two processes, if less than the case's.
    """
    # Not the patch's: a new module of a patch could be one that the tests import from elsewhere.
    gold = gold_tree(case)
    modules = [name for name in top_modules(gold, case) if name not in helpers]
    if not modules or not top_modules(tree, case) or len(tree) > MAX_FILES:
        return None
    tree = {**tree, **{path: text.encode() for path, text in sources.items()}}
    texts = {path: tree[path].decode("utf-8", "replace") for path in paths}
    checks = [TestFile(path=path, source=text, imports_alone=True) for path, text in texts.items()]
    tests, cpu_s = case_tests(case), min(case.timeout_s, longest or case.timeout_s)
    async with opened() as candidate, opened() as checker:
        for path, content in tree.items():
            box = checker if path in tests else candidate
            await box.write(at_root(path, case.pythonpath), content)
        for path, content in gold.items():
            place = at_root(path, case.pythonpath)
            if place.partition("/")[0].removesuffix(".py") in helpers:
                await checker.write(place, content)
        return await check(
            candidate,
            checker,
            checks,
            module=modules[0],
            provides=modules,
            limits=Limits(cpu_s=cpu_s, wall_s=2 * cpu_s + 10),
            decides=lambda one: not one.passed and one.name in needed,
            crossing=OPEN.model_copy(
                update={
                    "uses": uses,
                    "data_decides": True,
                    "changed": ALL_CHANGES if shows_changes else None,
                }
            ),
        )


def passed_apart(results: Iterable[CheckResult]) -> set[str]:
    """Names of tests that were reported passed and never failed."""
    results = list(results)
    return {one.name for one in results} - {one.name for one in results if not one.passed}


def top_modules(tree: Iterable[str], case: RepositoryCase) -> list[str]:
    """Top-level modules of a tree of the case that aren't tests, as on the tests' import path."""
    found, tests = [], case_tests(case)
    for path in sorted(tree):
        first = PurePosixPath(at_root(path, case.pythonpath)).parts[0]
        name = first.removesuffix(".py")
        is_code = path.endswith(".py") and path not in tests and first != "setup.py"
        if is_code and name.isidentifier():
            found.append(name)
    return list(dict.fromkeys(found))


def at_root(path: str, pythonpath: str) -> str:
    """Path relative to the folder on the import path."""
    place = PurePosixPath(path)
    if pythonpath not in ("", ".") and place.is_relative_to(pythonpath):
        return str(place.relative_to(pythonpath))
    return path
