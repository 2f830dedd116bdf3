"""Take from tests what explains them and decides nothing: docstrings, messages and ids of parameters.

A twin would contradict it: a docstring that names the expected value is that of the test alone.
"""

import ast
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from benchmarks.judge.pytest_report import TestRun

_OF_ONE = ("True", "False", "IsNone", "IsNotNone")
_OF_TWO = (
    *("Equal", "NotEqual", "Is", "IsNot", "In", "NotIn", "Greater", "GreaterEqual", "Less", "LessEqual"),
    *("ListEqual", "TupleEqual", "DictEqual", "SetEqual", "MultiLineEqual", "SequenceEqual", "CountEqual"),
    *("IsInstance", "NotIsInstance"),
)
_OPERANDS = {f"assert{name}": count for count, names in ((1, _OF_ONE), (2, _OF_TWO)) for name in names}
"""Methods of unittest whose next argument is a message."""


def remove_explanations(tree: ast.Module, tests: Iterable[ast.AST], chance: random.Random) -> dict[str, str]:
    """Remove messages from tests and docstrings from the module; give tests random ids.

    Returns:
        New id → the id as pytest prints it.
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


def with_own_ids(run: TestRun, ids: Mapping[str, str]) -> TestRun:
    """The report with the ids that the case has."""
    if not ids:
        return run
    pattern = re.compile("|".join(ids))

    def own(node: str) -> str:
        return pattern.sub(lambda match: ids[match.group()], node)

    return replace(
        run,
        passed=set(map(own, run.passed)),
        failures={own(node): text for node, text in run.failures.items()},
        unended=frozenset(map(own, run.unended)),
        left=set(map(own, run.left)),
        broken=set(map(own, run.broken)),
        seconds={own(node): took for node, took in run.seconds.items()},
        skipped=set(map(own, run.skipped)),
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
        node.keywords = [one for one in node.keywords if one.arg != "msg"]


def _rename_ids(node: ast.expr, ids: dict[str, str], chance: random.Random) -> None:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            printed = one.value.encode("unicode_escape").decode("ascii")
            new = f"p{chance.getrandbits(48):012x}"
            known = next((other for other, old in ids.items() if old == printed), new)
            ids[known] = printed
            one.value = known


def _name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
