"""Modules of a repository that only its tests use, such as a helper with the expected values."""

import ast
from collections.abc import Mapping

from benchmarks.judge.candidate_tree import case_tests, gold_tree
from benchmarks.judge.isolated_check import at_root, top_modules
from benchmarks.suite import RepositoryCase
from coder.source.python_names import parse_source


def helper_modules(case: RepositoryCase) -> tuple[str, ...]:
    """Top-level modules that only tests import, and that use nothing that the case's own patch changes.

    Nothing of the task depends on them, so they run beside the tests, where a patch can't reach them.
    """
    gold = gold_tree(case)
    modules, tests = top_modules(gold, case), case_tests(case)
    of_tests: set[str] = set()
    uses: dict[str, set[str]] = {name: set() for name in modules}
    changed: set[str] = set()
    for path, content in gold.items():
        owner = at_root(path, case.pythonpath).partition("/")[0].removesuffix(".py")
        if path in tests or path.endswith("conftest.py"):
            of_tests |= _imported(content) & uses.keys()
        elif owner in uses:
            uses[owner] |= _imported(content) & uses.keys() if path.endswith(".py") else set()
            changed |= {owner} if content != case.files.get(path) else set()
    used = {name for owner, names in uses.items() for name in names - {owner}}
    found = of_tests - used - changed
    return tuple(sorted(name for name in found if changed.isdisjoint(_reached(name, uses))))


def changed_helpers(case: RepositoryCase, tree: Mapping[str, bytes], helpers: tuple[str, ...]) -> bool:
    """Whether a tree has other helpers than the case."""
    gold = gold_tree(case)
    paths = {path for path in {*tree, *gold} if tree.get(path) != gold.get(path)}
    return any(
        at_root(one, case.pythonpath).partition("/")[0].removesuffix(".py") in helpers for one in paths
    )


def _imported(content: bytes) -> set[str]:
    tree = parse_source(content.decode("utf-8", "replace"))
    nodes = [] if tree is None else list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def _reached(name: str, uses: Mapping[str, set[str]]) -> set[str]:
    found, stack = set[str](), [name]
    while stack:
        one = stack.pop()
        if one not in found:
            found.add(one)
            stack.extend(uses[one])
    return found
