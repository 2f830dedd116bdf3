"""Estimate from its source how often the loops of a test run. Pure."""

import ast
from collections.abc import Iterable, Mapping

MOST_ROUNDS = 10_000
"""Rounds of a loop: a call away from the code takes about half a millisecond, and tests have seconds."""


def numbers_in(nodes: Iterable[ast.AST]) -> Iterable[tuple[str, int]]:
    """Variables that hold an integer of the source."""
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value.value, int):
                    yield target.id, node.value.value


def rounds_of(node: ast.AST, numbers: Mapping[str, int]) -> int:
    """Bound the rounds of nested loops over ranges; each range counts as its largest number."""
    most = max((rounds_of(one, numbers) for one in ast.iter_child_nodes(node)), default=1)
    heads: list[ast.expr] = []
    if isinstance(node, ast.For):
        heads = [node.iter]
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        heads = [one.iter for one in node.generators]
    for head in heads:
        ranges = [one for one in ast.walk(head) if isinstance(one, ast.Call)]
        parts = [part for one in ranges if ast.unparse(one.func) == "range" for part in ast.walk(one)]
        sizes = [numbers.get(part.id, 1) for part in parts if isinstance(part, ast.Name)]
        sizes += [
            part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, int)
        ]
        most *= max((1, *sizes))
    return most
