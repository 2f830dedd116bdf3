"""Twins that are consistent in themselves: another input, and what the case's own answer gives for it.

A twin that only has another input, or only another expectation, contradicts itself: comparing the two tells
it from its test. Here both change together, and the expectation is then made wrong so that it is no less like
the input than a right one: a letter is replaced that the inputs don't have, where there is one. Truth values
stay: there is one other only, so that the test would be the odd one out.
"""

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from benchmarks.judge.decoys import (
    KINDS,
    OTHERS,
    STEPS,
    TestNode,
    another,
    called,
    chosen,
    copied,
    other_constant,
)

PLACES = 3
"""Inputs of a test that are changed, at most."""
_SEEN = "_seen_by_the_judge"
_MARK = "seen: "
_Constant = ast.Constant


def inputs_of(node: TestNode) -> int:
    """How many inputs of a test can be changed; 0 where what it expects isn't written as plain values."""
    if any(isinstance(one, ast.Call) and called(one) == "parametrize" for one in node.decorator_list):
        return 0
    return min(PLACES, len(_inputs(node))) if _compared(node) else 0


def probe(node: TestNode, variant: int) -> TestNode:
    """The test with another input, telling by its failure what is compared with its expectations."""
    made = _changed(node, variant)
    start = ast.parse(f"{_SEEN} = []").body
    for number, (actual, _) in _compared(made).items():
        made.body[number] = ast.copy_location(ast.parse(f"{_SEEN}.append(0)").body[0], made.body[number])
        cast("ast.Call", cast("ast.Expr", made.body[number]).value).args[0] = actual
    end = ast.parse(f"raise AssertionError({_MARK!r} + repr({_SEEN}))").body
    made.body = [*start, *made.body, *end]
    return made


def told(text: str, node: TestNode) -> str | None:
    """Source of a list of what a probe saw; None where it isn't a plain value for each expectation."""
    _, mark, found = text.rpartition(_MARK)
    try:
        values = ast.literal_eval(found.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    right = _compared(node)
    if not mark or not isinstance(values, list) or len(values) != len(right):
        return None
    given = [ast.literal_eval(expected) for _, expected in right.values()]
    same = all(type(one) is type(other) for one, other in zip(values, given, strict=True))
    return found.strip() if same and any(map(_can_be_wrong, values)) else None


def wrong_twins(
    node: TestNode, seen: Mapping[int, str], variants: Sequence[int], chance: random.Random
) -> list[TestNode]:
    """Twins whose inputs are those of the variants, each with one wrong expectation.

    All are wrong in one place, each by another step, so that a vote among them and their test tells nothing.
    """
    made = [_changed(node, variant) for variant in variants]
    words, first = " ".join(map(_words, [node, *made])), chance.getrandbits(32)
    steps = chance.sample(chosen(range(OTHERS), chance), len(variants))
    for twin, variant, step in zip(made, variants, steps, strict=True):
        values, same = ast.literal_eval(seen[variant]), random.Random(first)
        at = same.choice([number for number, value in enumerate(values) if _can_be_wrong(value)])
        values[at] = _with(values[at], same.choice(list(_leaves(values[at]))), words, STEPS[step], same)
        for value, (number, (_, expected)) in zip(values, _compared(twin).items(), strict=True):
            _replace(twin.body[number], expected, ast.parse(repr(value), mode="eval").body)
    return made


def _changed(node: TestNode, variant: int) -> TestNode:
    made = copied(node)
    other_constant(_inputs(made)[variant // OTHERS], variant % OTHERS)
    return made


def _compared(node: TestNode) -> dict[int, tuple[ast.expr, ast.expr]]:
    """Statements that compare what was computed with a literal: the one and the other, by number."""
    found = {}
    for number, statement in enumerate(node.body):
        pair = _pair(statement)
        literal = [_is_literal(one) for one in pair]
        if literal.count(True) == 1:
            actual, expected = pair if literal[1] else pair[::-1]
            if any(isinstance(inner, ast.Call) for inner in ast.walk(actual)):
                found[number] = (actual, expected)
    return found


def _pair(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            return [left, right]
        case ast.Expr(value=ast.Call(args=[left, right, *_]) as call) if called(call) == "assertEqual":
            return [left, right]
    return []


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _inputs(node: TestNode) -> list[_Constant]:
    """Constants in what is computed, those next to the comparisons first."""
    parts: list[ast.AST] = [actual for actual, _ in _compared(node).values()]
    parts += [one.value for one in node.body if isinstance(one, ast.Assign)]
    return [
        inner
        for part in parts
        for inner in ast.walk(part)
        if isinstance(inner, _Constant) and type(inner.value) in (int, float, str, bytes)
    ]


def _can_be_wrong(value: object) -> bool:
    return next(_leaves(value), None) is not None


def _leaves(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Ways to the numbers and texts in a plain value; not to truth values."""
    if type(value) in (int, float, str) and value != "":
        yield path
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))


def _with(value: object, path: tuple[object, ...], words: str, step: int, chance: random.Random) -> object:
    if not path:
        return _other(value, words, step, chance)
    if isinstance(value, dict):
        return {
            key: _with(one, path[1:], words, step, chance) if key == path[0] else one
            for key, one in value.items()
        }
    assert isinstance(value, list | tuple)
    items = [
        _with(one, path[1:], words, step, chance) if number == path[0] else one
        for number, one in enumerate(value)
    ]
    return items if isinstance(value, list) else tuple(items)


def _other(value: object, words: str, step: int, chance: random.Random) -> object:
    if not isinstance(value, str):
        return another(value, step)
    known = [i for i, letter in enumerate(value) if any(letter in kind for kind in KINDS)]
    unlike = [i for i in known if value[i].casefold() not in words.casefold()]
    return another(value, step, chance.choice(unlike or known or [len(value)]))


def _words(node: TestNode) -> str:
    return " ".join(str(one.value) for one in _inputs(node))


def _replace(statement: ast.stmt, old: ast.expr, new: ast.expr) -> None:
    call_or_compare = (
        statement.test if isinstance(statement, ast.Assert) else cast("ast.Expr", statement).value
    )
    if isinstance(call_or_compare, ast.Compare):
        if call_or_compare.left is old:
            call_or_compare.left = new
        else:
            call_or_compare.comparators = [new]
    elif isinstance(call_or_compare, ast.Call):
        call_or_compare.args = [new if one is old else one for one in call_or_compare.args]
