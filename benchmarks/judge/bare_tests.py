"""Remove explanations from tests: docstrings, messages and ids of parameters.

Explanations don't affect results, but can contradict a twin: a docstring that names the expected value
distinguishes the test from its twins.
"""

import ast
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from benchmarks.judge.pytest_report import TestRun

_UNARY = ("True", "False", "IsNone", "IsNotNone")
_BINARY = (
    *("Equal", "NotEqual", "Is", "IsNot", "In", "NotIn", "Greater", "GreaterEqual", "Less", "LessEqual"),
    *("ListEqual", "TupleEqual", "DictEqual", "SetEqual", "MultiLineEqual", "SequenceEqual", "CountEqual"),
    *("IsInstance", "NotIsInstance"),
)
_OPERANDS = {f"assert{name}": count for count, names in ((1, _UNARY), (2, _BINARY)) for name in names}
"""Number of operands by assertion method of unittest; the argument after them is a message."""


def remove_explanations(tree: ast.Module, tests: Iterable[ast.AST], chance: random.Random) -> dict[str, str]:
    """Remove messages from tests and docstrings from the module; give parameters random ids.

    Returns:
        A mapping from the new id to the original id as pytest prints it.
    """
    ids: dict[str, str] = {}
    for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        _remove_docstring(owner)
    for test in tests:
        _remove_docstring(test)
        for node in ast.walk(test):
            if isinstance(node, ast.Assert):
                node.msg = None
            elif isinstance(node, ast.Call):
                _remove_message(node)
                for keyword in node.keywords:
                    if keyword.arg in ("id", "ids") and _name(node) in ("param", "parametrize"):
                        _rename_ids(keyword.value, ids, chance)
    return ids


def restore_ids(run: TestRun, ids: Mapping[str, str]) -> TestRun:
    """Return the report with the parameter ids of the case instead of random ids."""
    if not ids:
        return run
    pattern = re.compile("|".join(ids))

    def restore(node: str) -> str:
        return pattern.sub(lambda match: ids[match.group()], node)

    return replace(
        run,
        passed=set(map(restore, run.passed)),
        failures={restore(node): text for node, text in run.failures.items()},
        unended=frozenset(map(restore, run.unended)),
        left=set(map(restore, run.left)),
        broken=set(map(restore, run.broken)),
        seconds={restore(node): seconds for node, seconds in run.seconds.items()},
        skipped=set(map(restore, run.skipped)),
    )


def _remove_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        match node.body[:1]:
            case [ast.Expr(value=ast.Constant(value=str()))]:
                node.body[:1] = [] if isinstance(node, ast.Module) else [ast.Pass()]


def _remove_message(node: ast.Call) -> None:
    operands = _OPERANDS.get(_name(node))
    if operands is not None:
        del node.args[operands:]
        node.keywords = [keyword for keyword in node.keywords if keyword.arg != "msg"]


def _rename_ids(node: ast.expr, ids: dict[str, str], chance: random.Random) -> None:
    for constant in ast.walk(node):
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            printed = constant.value.encode("unicode_escape").decode("ascii")
            fresh_id = f"p{chance.getrandbits(48):012x}"
            random_id = next((other_id for other_id, old_id in ids.items() if old_id == printed), fresh_id)
            ids[random_id] = printed
            constant.value = random_id


def _name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
