"""Wrong answers made of right ones: one operator, comparison, constant or branch changed at a time."""

import ast
import copy
import random

_SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def mutants(source: str, most: int, seed: int) -> list[str]:
    """At most so many variants of a module, each with one change."""
    tree = ast.parse(source)
    places = [i for i, node in enumerate(ast.walk(tree)) if _changed(copy.deepcopy(node))]
    chosen = random.Random(seed).sample(places, min(most, len(places)))
    variants = []
    for place in chosen:
        variant = copy.deepcopy(tree)
        _changed(list(ast.walk(variant))[place])
        variants.append(ast.unparse(ast.fix_missing_locations(variant)))
    return variants


def _changed(node: ast.AST) -> bool:
    """Change a node in place; whether there was something to change."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _SWAPS:
        node.op = _SWAPS[type(node.op)]()
        return True
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        node.ops[0] = _SWAPS[type(node.ops[0])]()
        return True
    if isinstance(node, ast.Constant) and type(node.value) is int:
        node.value += 1
        return True
    if isinstance(node, ast.If | ast.While):
        node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
        return True
    if isinstance(node, ast.Return) and node.value is not None:
        node.value = ast.Constant(None)
        return True
    return False
