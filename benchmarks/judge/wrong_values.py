"""Wrong values that look like right ones: each shares as many features with the right value as it can.

A way to be wrong is applied to all twins of a judgement: other places or other ways would let a majority vote
tell the test from them. Ways whose features differ are taken in turn, so that a habit that knows one feature
meets twins that have it; right values of other inputs in every third judgement, so that one meets twins that
have each feature of the values alone.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import cast

from benchmarks.judge.alike import Words, alike, tokens
from benchmarks.judge.features import differing, features

STEPS = 6
"""Different wrong values that a way makes."""
_CROSSED_TURN = 3
"""Every third judgement, wrong values are right ones of other inputs."""
_ORDERS = ((1, 2, 0), (2, 0, 1), (2, 1, 0), (2, 1, 0), (2, 0, 1), (1, 2, 0))
"""Orders of three items by step; different ones for the steps that `decoys.chosen` gives.

No two adjacent items alone are exchanged: they may be of equal rank.
"""
_MOST_LEAVES = 12
_MOST_PARTS = 4
Path = tuple[int | str, ...]
Way = Callable[[object, int], object]
"""Makes the wrong value of a step from a right one; the same value where it can't."""


def wrong_values(
    rights: Sequence[object],
    inputs: Sequence[Sequence[object]],
    steps: Sequence[int],
    words: Words,
    *,
    written: tuple[object, Sequence[object]],
    others: Sequence[object],
    chance: Random,
    turn: int,
) -> list[object]:
    """A wrong value for each right one, all wrong in the same way.

    Args:
        inputs: of each right value, the inputs that it was computed from.
        steps: a different one of `STEPS` for each.
        written: the value that the test itself expects, and its inputs: its features are kept.
        others: right values for other inputs.
        turn: number of the judgement, which selects among ways whose features differ.
    """
    crossed = [_crossed(right, step, others) for right, step in zip(rights, steps, strict=True)]
    if turn % _CROSSED_TURN == 0 and _are_wrong(crossed, rights):
        return crossed
    own, found = features(*written, words), dict[frozenset[str], list[list[object]]]()
    for way in _ways(rights[0], words, chance):
        made = [way(right, step) for right, step in zip(rights, steps, strict=True)]
        if _are_wrong(made, rights):
            all_features = [features(one, given, words) for one, given in zip(made, inputs, strict=True)]
            differ = frozenset[str]().union(*(differing(own, one) for one in all_features))
            found.setdefault(differ, []).append(made)
    if not found:
        if _are_wrong(crossed, rights):
            return crossed
        raise ValueError(f"no wrong value for {rights[0]!r}")
    least = [one for one in found if not any(other < one for other in found)]
    least.sort(key=lambda one: (len(one), *sorted(one)))
    return chance.choice(found[least[(turn - turn // _CROSSED_TURN) % len(least)]])


def _are_wrong(made: Sequence[object], rights: Sequence[object]) -> bool:
    return all(one != right and type(one) is type(right) for one, right in zip(made, rights, strict=True))


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Numbers and texts in a plain value with their places; not keys, not booleans, not a set's items."""
    match value:
        case bool() | "":
            return
        case int() | float() | str():
            yield path, value
        case list() | tuple():
            for number, item in enumerate(value):
                yield from leaves(item, (*path, number))
        case dict():
            for key, item in value.items():
                yield from leaves(item, (*path, key))


def _ways(value: object, words: Words, chance: Random) -> Iterator[Way]:
    places = list(leaves(value))
    for path, leaf in chance.sample(places, min(len(places), _MOST_LEAVES)):
        count = len(tokens(leaf)) if isinstance(leaf, str) else 0
        for part in chance.sample(range(count), min(count, _MOST_PARTS)) or (None,):
            yield partial(_changed_at, path, partial(_other, words=words, part=part))
        if isinstance(leaf, str):
            for at in (0.0, chance.random(), 1.0):
                yield partial(_changed_at, path, partial(_with_letters_exchanged, at=at))
            yield partial(_changed_at, path, partial(_with_tokens_exchanged, at=chance.random()))
    for path in [(), *dict.fromkeys(path[:-1] for path, _ in places if len(path) > 1)]:
        yield partial(_changed_at, path, partial(_with_items_exchanged, at=chance.random()))


def _changed_at(path: Path, change: Way, value: object, step: int) -> object:
    if not path:
        return change(value, step)
    first, rest = path[0], path[1:]
    if isinstance(value, dict) and first in value:
        return {**value, first: _changed_at(rest, change, value[first], step)}
    if isinstance(value, list | tuple) and isinstance(first, int) and first < len(value):
        item = _changed_at(rest, change, value[first], step)
        return type(value)((*value[:first], item, *value[first + 1 :]))
    return value


def _other(value: object, step: int, *, words: Words, part: int | None) -> object:
    if isinstance(value, str) and part is not None and part >= len(tokens(value)):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    found = alike(value, words, STEPS, part)
    return found[step % len(found)]


def _exchanged(items: Sequence[object], step: int, at: float) -> list[object]:
    """The items with three exchanged, all twins' in the same part; unchanged if there are fewer."""
    made, start = [*items], round(at * max(len(items) - 3, 0))
    if len(items) >= 3:
        made[start : start + 3] = [made[start + one] for one in _ORDERS[step % len(_ORDERS)]]
    return made


def _with_letters_exchanged(value: object, step: int, *, at: float) -> object:
    parts = [one for one in tokens(value) if len(one.group()) >= 3] if isinstance(value, str) else []
    if not isinstance(value, str) or not parts:
        return value
    part = max(parts, key=lambda one: len(one.group()))
    letters = "".join(map(str, _exchanged(part.group(), step, at)))
    return value[: part.start()] + letters + value[part.end() :]


def _with_tokens_exchanged(value: object, step: int, *, at: float) -> object:
    if not isinstance(value, str):
        return value
    parts = tokens(value)
    ends = [0, *(one.end() for one in parts)]
    gaps = [value[end : one.start()] for end, one in zip(ends, parts, strict=False)]
    made = _exchanged([one.group() for one in parts], step, at)
    return "".join(f"{gap}{one}" for gap, one in zip(gaps, made, strict=True)) + value[ends[-1] :]


def _with_items_exchanged(value: object, step: int, *, at: float) -> object:
    return type(value)(_exchanged(value, step, at)) if isinstance(value, list | tuple) else value


def _crossed(value: object, step: int, others: Sequence[object]) -> object:
    found = [one for one in others if one != value and type(one) is type(value)]
    return found[step % len(found)] if found else value


def source_of(value: object) -> ast.expr:
    """The literal as a written test has it: `-1` as one constant."""
    return cast("ast.expr", _Folded().visit(ast.parse(repr(value), mode="eval")).body)


class _Folded(ast.NodeTransformer):
    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        return ast.Constant(ast.literal_eval(node))
