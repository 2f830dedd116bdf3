"""Inputs on which candidates are compared: those of the examples, and others derived from them.

By rule, not by chance: a resumed run compares on the same ones.
"""

import ast
from collections.abc import Iterator, Sequence

from coder.source.python_names import parse_source

MOST = 16
_MOST_VARIED = 4
"""Examples of which neighbours are made."""
_LONGEST = 10_000
"""Characters of arguments; longer ones are left out."""
Arguments = tuple[object, ...]


def inputs_of(examples: Sequence[str], name: str) -> list[Arguments]:
    """Arguments for the function `name`: of its calls in the examples, then neighbours of each."""
    given = [found for source in examples for found in _calls(source, name) if len(repr(found)) <= _LONGEST]
    made = [neighbour for arguments in given[:_MOST_VARIED] for neighbour in _neighbours(arguments)]
    evenly = made[:: max(1, -(-len(made) // MOST))]
    return list({repr(arguments): arguments for arguments in [*given, *evenly]}.values())[:MOST]


def _calls(source: str, name: str) -> Iterator[Arguments]:
    tree = parse_source(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            try:
                yield tuple(ast.literal_eval(one) for one in [*node.args, *(k.value for k in node.keywords)])
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue


def _neighbours(arguments: Arguments) -> Iterator[Arguments]:
    """The arguments with one of them changed."""
    for i, value in enumerate(arguments):
        for other in _others(value):
            yield (*arguments[:i], other, *arguments[i + 1 :])


def _others(value: object) -> list[object]:
    """Values of the same kind that are likely to be told apart: longer, shorter, in another order."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, value * 2 + 3, max(value - 1, 0), 1]
        case float():
            return [value + 0.5, value * 2, 1.0]
        case str():
            return [value[::-1], value + value[:1], value[1:], value.swapcase(), value + " " + value]
        case list() | tuple():
            kind = type(value)
            same = list(value)
            inner = [kind([*same[:-1], other]) for other in _others(same[-1])[:2]] if same else []
            return [kind(same[::-1]), kind(same + same[:1]), kind(same[1:]), *inner, kind(same * 2)]
        case set():
            return [set(sorted(value, key=repr)[1:])]  # sets have no order of their own
        case dict() if value:
            first, *rest = value.items()
            return [dict(rest), *({**value, first[0]: other} for other in _others(first[1])[:2])]
        case _:
            return []
