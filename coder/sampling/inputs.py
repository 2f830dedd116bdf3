"""Inputs on which candidates are compared: the examples' own, and others made from them by kind.

Made by rule, not by chance: a run that is gone on with compares on the same ones.
"""

import ast
from collections.abc import Iterator, Sequence

from coder.source.python_names import parse_source

MOST = 16
_LONGEST = 10_000
"""Characters of arguments that are worth to be varied."""
Arguments = tuple[object, ...]


def inputs_of(examples: Sequence[str], name: str, *, prompt: str = "") -> list[Arguments]:
    """Arguments for the function `name`: of calls in the examples, then neighbours of each.

    Args:
        examples: statements that call it.
        prompt: source in which its head may stand: its annotations help where no example does.
    """
    given = [found for source in examples for found in _calls(source, name) if len(repr(found)) <= _LONGEST]
    if not given:
        given = [tuple(_START[kind] for kind in kinds)] if (kinds := _kinds(prompt, name)) else []
    made = [neighbour for arguments in given[:4] for neighbour in _neighbours(arguments)]
    by_text = {repr(arguments): arguments for arguments in [*given, *_evenly(made, MOST)]}
    return list(by_text.values())[:MOST]


def _calls(source: str, name: str) -> Iterator[Arguments]:
    tree = parse_source(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            try:
                yield tuple(ast.literal_eval(one) for one in [*node.args, *(k.value for k in node.keywords)])
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue


_START = {
    "int": 7,
    "float": 2.5,
    "str": "abcab",
    "bool": True,
    "list": [3, 1, 2, 3],
    "tuple": (3, 1, 2),
    "dict": {"a": 1},
}


# Names that people usually give to parameters of a kind.
_NAMES = {
    "int": "n k m i x y z a b c num number count size start end low high limit year age index",
    "str": "t text string str word sentence name line char message pattern phrase",
    "list": "l ls lst list arr array seq sequence data nums numbers values items elements integers",
    "words": "words strings names lines texts",
    "dict": "d dictionary mapping",
    "matrix": "matrix grid rows",
}
_BY_NAME = {name: kind for kind, names in _NAMES.items() for name in names.split()}


def _kinds(prompt: str, name: str) -> list[str]:
    """Kinds of the parameters, where the head in the prompt tells all by annotations or by usual names."""
    text = prompt.strip("\n").rstrip()
    tree = parse_source(text + "\n    pass\n") or parse_source(text)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            kinds = [
                _kind(one.annotation) or _BY_NAME.get(one.arg.rstrip("0123456789_"), "")
                for one in node.args.args
            ]
            return kinds if all(kind in _START for kind in kinds) else []
    return []


def _kind(annotation: ast.expr | None) -> str:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return annotation.id.lower() if isinstance(annotation, ast.Name) else ""


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
        case dict():
            items = list(value.items())
            return (
                [dict(items[1:]), *({**value, items[0][0]: other} for other in _others(items[0][1])[:2])]
                if items
                else []
            )
        case _:
            return []


def _evenly(values: list[Arguments], most: int) -> list[Arguments]:
    """At most so many, from all over the list."""
    step = max(1, -(-len(values) // most))
    return values[::step]
