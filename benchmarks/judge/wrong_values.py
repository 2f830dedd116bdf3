"""Make wrong values that look like right values: each shares many features with the right value.

One way to be wrong is applied to all twins of a judgement: with different places or ways, a majority vote
could tell the test from its twins. Ways whose features differ are taken in turn, so that a cheat that checks
one feature meets twins with this feature. Every third judgement takes right values of other inputs, so that a
cheat meets twins with each feature of the values alone.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import cast

from benchmarks.judge.alike import Words, similar_constants, tokens
from benchmarks.judge.features import differing_features, features

MAX_STEPS = 6
"""Number of different wrong values that a way makes."""
_CROSSED_TURN = 3
"""In every third judgement, wrong values are right values of other inputs."""
_ORDERS = ((1, 2, 0), (2, 0, 1), (2, 1, 0), (2, 1, 0), (2, 0, 1), (1, 2, 0))
"""Orders of three items by step; steps from `decoys.choose_twins` get different orders.

An exchange of two adjacent items alone isn't used: they may be of equal rank.
"""
_MAX_LEAVES = 12
_MAX_PARTS = 4
Path = tuple[int | str, ...]
Way = Callable[[object, int], object]
"""Makes the wrong value of a step from a right value; returns the right value if there is none."""


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
    """Return a wrong value for each right value, all wrong in one way.

    Args:
        inputs: for each right value, the inputs of its computation.
        steps: a different number below `MAX_STEPS` for each right value.
        written: the value that the test expects, and its inputs; wrong values keep its features.
        others: right values for other inputs.
        turn: number of the judgement, which selects among ways whose features differ.
    """
    crossed = [_cross(right, step, others) for right, step in zip(rights, steps, strict=True)]
    if turn % _CROSSED_TURN == 0 and _are_wrong(crossed, rights):
        return crossed
    written_features, candidates = features(*written, words), dict[frozenset[str], list[list[object]]]()
    for way in _ways(rights[0], words, chance):
        values = [way(right, step) for right, step in zip(rights, steps, strict=True)]
        if _are_wrong(values, rights):
            all_features = [
                features(value, value_inputs, words)
                for value, value_inputs in zip(values, inputs, strict=True)
            ]
            differences = frozenset[str]().union(
                *(differing_features(written_features, feature) for feature in all_features)
            )
            candidates.setdefault(differences, []).append(values)
    if not candidates:  # as of [3] and [], which have no common place
        crossed = [_cross(right, step, [*others, *rights]) for right, step in zip(rights, steps, strict=True)]
        if _are_wrong(crossed, rights):
            return crossed
        return [_exceed(right, step) for right, step in zip(rights, steps, strict=True)]
    minimal = [names for names in candidates if not any(other < names for other in candidates)]
    minimal.sort(key=lambda names: (len(names), *sorted(names)))
    return chance.choice(candidates[minimal[(turn - turn // _CROSSED_TURN) % len(minimal)]])


def _are_wrong(values: Sequence[object], rights: Sequence[object]) -> bool:
    return all(
        value != right and type(value) is type(right) for value, right in zip(values, rights, strict=True)
    )


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield numbers and texts in a plain value with their places; no keys, booleans or items of sets."""
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
    for path, leaf in chance.sample(places, min(len(places), _MAX_LEAVES)):
        length = len(tokens(leaf)) if isinstance(leaf, str) else 0
        for part in chance.sample(range(length), min(length, _MAX_PARTS)) or (None,):
            yield partial(_change_at, path, partial(_replace_constant, words=words, part=part))
        if isinstance(leaf, str):
            for at in (0.0, chance.random(), 1.0):
                yield partial(_change_at, path, partial(_exchange_letters, at=at))
            yield partial(_change_at, path, partial(_exchange_tokens, at=chance.random()))
    for path in [(), *dict.fromkeys(path[:-1] for path, _ in places if len(path) > 1)]:
        yield partial(_change_at, path, partial(_exchange_items, at=chance.random()))


def _change_at(path: Path, change: Way, value: object, step: int) -> object:
    if not path:
        return change(value, step)
    key, inner_path = path[0], path[1:]
    if isinstance(value, dict) and key in value:
        return {**value, key: _change_at(inner_path, change, value[key], step)}
    if isinstance(value, list | tuple) and isinstance(key, int) and key < len(value):
        item = _change_at(inner_path, change, value[key], step)
        return type(value)((*value[:key], item, *value[key + 1 :]))
    return value


def _replace_constant(value: object, step: int, *, words: Words, part: int | None) -> object:
    if isinstance(value, str) and part is not None and part >= len(tokens(value)):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    constants = similar_constants(value, words, MAX_STEPS, part)
    return constants[step % len(constants)]


def _exchange(items: Sequence[object], step: int, at: float) -> list[object]:
    """Return the items with three neighbors reordered, at a position that all twins share."""
    result, start = [*items], round(at * max(len(items) - 3, 0))
    if len(items) >= 3:
        result[start : start + 3] = [result[start + offset] for offset in _ORDERS[step % len(_ORDERS)]]
    return result


def _exchange_letters(value: object, step: int, *, at: float) -> object:
    parts = [token for token in tokens(value) if len(token.group()) >= 3] if isinstance(value, str) else []
    if not isinstance(value, str) or not parts:
        return value
    part = max(parts, key=lambda match: len(match.group()))
    letters = "".join(map(str, _exchange(part.group(), step, at)))
    return value[: part.start()] + letters + value[part.end() :]


def _exchange_tokens(value: object, step: int, *, at: float) -> object:
    if not isinstance(value, str):
        return value
    parts = tokens(value)
    ends = [0, *(part.end() for part in parts)]
    gaps = [value[end : token.start()] for end, token in zip(ends, parts, strict=False)]
    exchanged = _exchange([part.group() for part in parts], step, at)
    return "".join(f"{gap}{token}" for gap, token in zip(gaps, exchanged, strict=True)) + value[ends[-1] :]


def _exchange_items(value: object, step: int, *, at: float) -> object:
    return type(value)(_exchange(value, step, at)) if isinstance(value, list | tuple) else value


def _cross(value: object, step: int, others: Sequence[object]) -> object:
    candidates = [other for other in others if other != value and type(other) is type(value)]
    return candidates[step % len(candidates)] if candidates else value


def _exceed(value: object, step: int) -> object:
    """Return a larger or longer value of the same type, for values that no other way makes wrong."""
    match value:
        case bool():
            return not value
        case int() | float():
            larger = value + step + 1
            return larger if larger != value else type(value)(step)
        case str():
            return value + "uvwxyz"[step % MAX_STEPS]
        case list() | tuple():
            return type(value)((*value, *(value[:1] or [step]) * (step + 1)))
        case dict():
            return {**value, next(key for key in count() if key not in value): step}
    return value


def source_of(value: object) -> ast.expr:
    """Return the syntax tree of a value's literal, with a negative number as one constant."""
    return cast("ast.expr", _Folded().visit(ast.parse(repr(value), mode="eval")).body)


class _Folded(ast.NodeTransformer):
    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        return ast.Constant(ast.literal_eval(node))
