"""Run a repository's tests isolated from it: pytest and tests in one sandbox, the package in another."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import PurePosixPath
from types import MappingProxyType

from benchmarks.judge.candidate_tree import case_tests, gold_tree
from benchmarks.suite import RepositoryCase
from sandbox import CheckReport, CheckResult, Limits, Sandbox
from sandbox.verdicts.check import TestFile, Trees, WeighedTests, check
from sandbox.verdicts.run_report import ALL_CHANGES, ANY_CROSSING

Open = Callable[[], AbstractAsyncContextManager[tuple[Sandbox, Sandbox]]]
"""Lends a sandbox for a candidate and one for its checker; each check has fresh workspaces in them."""
_WEIGHING_FACTOR = 4.0
"""CPU seconds of a weighed run: a multiple of the others'."""
MAX_FILES = 400
"""Maximum number of files in a tree, which is copied twice for every answer."""


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
    seed: int = 0,
    weighed: WeighedTests | None = None,
) -> CheckReport | None:
    """Run the tests in these files; return None if the tree isn't a package that can be called.

    Plain data is copied, objects become handles with callable methods; tests can compare plain data only.

    Args:
        uses: permitted uses of the tests' objects; None records the uses of the case's own patch.
        shows_changes: whether tests see all changes of arguments, not only those that the case's patch makes.
        sources: contents that replace the tree's test files.
        helpers: modules of the case that run beside the tests.
        needed: tests that must pass; the first failure of such a test ends the run.
        longest: maximum CPU seconds of each of the two processes, if less than the case's limit.
        seed: of the tests' random values.
        weighed: how passing tests are weighed, in more time; None: they aren't.
    """
    # Modules of the patch don't count: a new module could shadow a module that the tests import.
    gold = gold_tree(case)
    modules = [name for name in top_modules(gold, case) if name not in helpers]
    if not modules or not top_modules(tree, case) or len(tree) > MAX_FILES:
        return None
    tree = {**tree, **{path: text.encode() for path, text in sources.items()}}
    texts = {path: tree[path].decode("utf-8", "replace") for path in paths}
    checks = [TestFile(path=path, source=text, imports_alone=True) for path, text in texts.items()]
    tests, cpu_s = case_tests(case), min(case.timeout_s, longest or case.timeout_s)
    cpu_s *= _WEIGHING_FACTOR if weighed is not None else 1
    of_candidate: dict[str, bytes] = {}
    of_checker: dict[str, bytes] = {}
    for path, content in tree.items():
        files = of_checker if path in tests else of_candidate
        files[at_root(path, case.pythonpath)] = content
    for path, content in gold.items():
        place = at_root(path, case.pythonpath)
        if place.partition("/")[0].removesuffix(".py") in helpers:
            of_checker[place] = content
    async with opened() as (candidate, checker):
        return await check(
            candidate,
            checker,
            checks,
            module=modules[0],
            provides=modules,
            limits=Limits(cpu_s=cpu_s, wall_s=case.tests_wall_s(cpu_s)),
            decides=lambda result: not result.passed and result.name in needed,
            trees=Trees(of_candidate, of_checker),
            seed=seed,
            weighed=weighed,
            crossing=ANY_CROSSING.model_copy(
                update={
                    "uses": uses,
                    "data_decides": True,
                    "changed": ALL_CHANGES if shows_changes else None,
                }
            ),
        )


def passed_apart(results: Iterable[CheckResult]) -> set[str]:
    """Return the names of tests that were reported as passed and never as failed."""
    results = list(results)
    return {result.name for result in results} - {result.name for result in results if not result.passed}


def top_modules(tree: Iterable[str], case: RepositoryCase) -> list[str]:
    """Return the top-level modules of a tree, relative to the tests' import path, that aren't tests."""
    names, tests = [], case_tests(case)
    for path in sorted(tree):
        top_name = PurePosixPath(at_root(path, case.pythonpath)).parts[0]
        name = top_name.removesuffix(".py")
        is_code = path.endswith(".py") and path not in tests and top_name != "setup.py"
        if is_code and name.isidentifier():
            names.append(name)
    return list(dict.fromkeys(names))


def at_root(path: str, pythonpath: str) -> str:
    """Return the path relative to the folder on the import path."""
    place = PurePosixPath(path)
    if pythonpath not in ("", ".") and place.is_relative_to(pythonpath):
        return str(place.relative_to(pythonpath))
    return path
