"""Estimate how often the loops of a test run, from the test's source."""

import ast
from collections.abc import Iterable, Mapping

MAX_ROUNDS = 10_000
"""A test may loop at most this often: one call across processes takes about half a millisecond."""


def numbers_in(nodes: Iterable[ast.AST]) -> Iterable[tuple[str, int]]:
    """Yield the variables to which the source assigns an integer, with the integer."""
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value.value, int):
                    yield target.id, node.value.value


def rounds_of(node: ast.AST, numbers: Mapping[str, int]) -> int:
    """Estimate the rounds of nested loops: a `range` counts as its largest number, another loop as one."""
    rounds = max((rounds_of(child, numbers) for child in ast.iter_child_nodes(node)), default=1)
    heads: list[ast.expr] = []
    if isinstance(node, ast.For):
        heads = [node.iter]
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        heads = [generator.iter for generator in node.generators]
    for head in heads:
        calls = [part for part in ast.walk(head) if isinstance(part, ast.Call)]
        parts = [part for call in calls if ast.unparse(call.func) == "range" for part in ast.walk(call)]
        sizes = [numbers.get(part.id, 1) for part in parts if isinstance(part, ast.Name)]
        sizes += [
            part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, int)
        ]
        rounds *= max((1, *sizes))
    return rounds
