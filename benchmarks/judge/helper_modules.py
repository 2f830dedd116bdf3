"""Find modules of a repository that only its tests use, such as a helper with the expected values."""

import ast
from collections.abc import Mapping

from benchmarks.judge.candidate_tree import case_tests, gold_tree
from benchmarks.judge.isolated_check import at_root, top_modules
from benchmarks.suite import RepositoryCase
from coder.source.python_names import parse_source

_TEST_TOOLS = {"pytest", "unittest"}


def helper_modules(case: RepositoryCase) -> tuple[str, ...]:
    """Return top-level modules that only tests import, and that use no changed module or that assert.

    The task doesn't depend on them, so they run beside the tests, where a patch can't change them.
    """
    gold = gold_tree(case)
    modules, tests = top_modules(gold, case), case_tests(case)
    imported_by_tests: set[str] = set()
    uses: dict[str, set[str]] = {name: set() for name in modules}
    changed: set[str] = set()
    asserting: set[str] = set()
    for path, content in gold.items():
        owner = at_root(path, case.pythonpath).partition("/")[0].removesuffix(".py")
        if path in tests or path.endswith("conftest.py"):
            imported_by_tests |= _imported_names(content) & uses.keys()
        elif owner in uses:
            uses[owner] |= _imported_names(content) & uses.keys() if path.endswith(".py") else set()
            asserting |= {owner} if path.endswith(".py") and _asserts(content) else set()
            changed |= {owner} if content != case.files.get(path) else set()
    used_names = {name for owner, names in uses.items() for name in names - {owner}}
    test_modules = imported_by_tests - used_names - changed
    independent = {name for name in test_modules if changed.isdisjoint(_reachable_names(name, uses))}
    return tuple(sorted(independent | (test_modules & asserting)))


def _asserts(content: bytes) -> bool:
    nodes = ast.walk(parse_source(content.decode("utf-8", "replace")) or ast.Module([], []))
    fails = (isinstance(node, ast.Assert) or getattr(node, "id", "") == "AssertionError" for node in nodes)
    return any(fails) or not _TEST_TOOLS.isdisjoint(_imported_names(content))


def has_changed_helpers(case: RepositoryCase, tree: Mapping[str, bytes], helpers: tuple[str, ...]) -> bool:
    """Whether a tree's helper modules differ from those of the case."""
    gold = gold_tree(case)
    paths = {path for path in {*tree, *gold} if tree.get(path) != gold.get(path)}
    return any(
        at_root(path, case.pythonpath).partition("/")[0].removesuffix(".py") in helpers for path in paths
    )


def _imported_names(content: bytes) -> set[str]:
    tree = parse_source(content.decode("utf-8", "replace"))
    nodes = [] if tree is None else list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def _reachable_names(name: str, uses: Mapping[str, set[str]]) -> set[str]:
    names, pending = set[str](), [name]
    while pending:
        owner = pending.pop()
        if owner not in names:
            names.add(owner)
            pending.extend(uses[owner])
    return names
