"""Decoys: each test gets twins with another expected value, with random names and order.

An answer that detects tests instead of solving the task makes the twins pass too. All twins of a test differ
from it in the same place, by values of the same kind (`alike.py`); its own value can be the least, the
greatest or between. Test and twins lose what explains them (`bare_tests.py`).
"""

import ast
import builtins
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.judge.alike import Words, alike, words_of_tests
from benchmarks.judge.bare_tests import remove_explanations
from benchmarks.judge.inherited_tests import heirs_of

PLACES = 6
"""Most places of a test that are changed in search of a failure with the canonical answer."""
OTHERS = 6
"""Most other values for one place."""
TWINS = 3
"""Most twins of a test that must be passed, per judgement."""
_SETS = ((0, 2, 4), (0, 1, 2), (0, 1, 3), (1, 3, 5))
"""Indices of `alike`, by how many values are below the test's own: none, one, two or all."""
_ERRORS = (
    *("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "RuntimeError"),
    *("ZeroDivisionError", "FileNotFoundError", "AssertionError", "OverflowError"),
)
"""Errors that tests often expect. None derives from another; an exception of all kinds derives from them."""
_PAIRS, _SINGLE = ((0, 2), (0, 1), (1, 3)), ((0,), (1,))
TestNode = ast.FunctionDef | ast.AsyncFunctionDef
MakeTwins = Callable[[str, TestNode, Sequence[int], Words], Sequence[TestNode]]
"""Makes twins of the test of a qualified name from variants, with the words of its file."""
_Node = TypeVar("_Node", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Disguised:
    """A test file with twins."""

    source: str
    real: dict[str, str]
    """Name under which a test runs → its qualified name, such as `TestF::test_g`; also inherited tests."""
    variants: dict[str, tuple[str, int]]
    """Name of a twin → qualified name of its test and variant index; from `OTHERS * n` on: place n."""
    ids: dict[str, str] = field(default_factory=dict)
    """Random id of parameters → the id that the case has."""


def variants_of(source: str) -> dict[str, list[list[int]]]:
    """Possible twins of each test: a list for each place."""
    tests = list(found_tests(tree := ast.parse(source)))
    remove_explanations(tree, (node for _, node, _ in tests), random.Random(0))
    return {
        name: [
            [OTHERS * place + other for other in range(others_of(found))]
            for place, found in enumerate(places_of(node)[:PLACES])
        ]
        for name, node, _ in tests
    }


def chosen(variants: Collection[int], chance: random.Random) -> list[int]:
    """Twins of one place, chosen so that the test's own value is equally often least and greatest."""
    first = min(variants) // OTHERS * OTHERS
    for sets in (_SETS, _PAIRS, _SINGLE):
        if all(first + other in variants for one in sets for other in one):
            return [first + other for other in chance.choice(sets)]
    return [min(variants)]


def chosen_inputs(variants: Collection[int], chance: random.Random) -> list[int]:
    """Inputs of the twins of one judgement, of those with which the case's own patch gives plain values."""
    return chosen(variants, chance) if len(variants) == OTHERS else chance.sample(sorted(variants), TWINS)


def twins_of(name: str, node: TestNode, variants: Sequence[int], words: Words) -> list[TestNode]:
    """Twins in which one constant differs."""
    made = [copied(node) for _ in variants]
    for twin, variant in zip(made, variants, strict=True):
        other_constant(places_of(twin)[variant // OTHERS], variant % OTHERS, words)
    return made


def disguise(
    source: str,
    twins: Mapping[str, Sequence[int]],
    chance: random.Random,
    make: MakeTwins = twins_of,
    project: frozenset[str] = frozenset(),
) -> Disguised:
    """The file with the `twins` of its tests, renamed and reordered; tests without twins stay.

    Args:
        project: words of the case's tree (`project_words`).
    """
    tree = ast.parse(source)
    heirs, words = heirs_of(tree), words_of_tests(tree, project)
    real: dict[str, str] = {}
    fake: dict[str, tuple[str, int]] = {}
    tests = [test for test in found_tests(tree) if test[0] in twins]
    ids = remove_explanations(tree, (node for _, node, _ in tests), chance)
    for name, node, siblings in tests:
        made = list(make(name, node, twins[name], words))
        owners = [one.rpartition("::")[0] for one in (name, *heirs.get(name, ()))]
        new = _rename(node, chance)
        real.update((_in(owner, new), _in(owner, name.rpartition("::")[2])) for owner in owners)
        for twin, variant in zip(made, twins[name], strict=True):
            new = _rename(twin, chance)
            fake.update((_in(owner, new), (name, variant)) for owner in owners)
        at = siblings.index(node)
        siblings[at : at + 1] = chance.sample([node, *made], len(made) + 1)
    for siblings in _bodies(tree):
        _shuffle_tests(siblings, chance)
    return Disguised(ast.unparse(tree), real, fake, ids)


def _rename(node: TestNode, chance: random.Random) -> str:
    """Give a test a random name, and remove `u` prefixes, which only handwritten source has."""
    node.name = f"test_{chance.getrandbits(48):012x}"
    for constant in (one for one in ast.walk(node) if isinstance(one, ast.Constant)):
        constant.kind = None
    return node.name


def _in(owner: str, name: str) -> str:
    """Qualified name of a class's test, or of a top-level one."""
    return f"{owner}::{name}" if owner else name


def _bodies(tree: ast.Module) -> list[list[ast.stmt]]:
    return [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]


def found_tests(tree: ast.Module) -> Iterator[tuple[str, TestNode, list[ast.stmt]]]:
    """Qualified name, node and sibling statements of each test."""
    for node in tree.body:
        if isinstance(node, TestNode) and node.name.startswith("test"):
            yield node.name, node, tree.body
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, TestNode) and inner.name.startswith("test"):
                    yield f"{node.name}::{inner.name}", inner, node.body


def _shuffle_tests(siblings: list[ast.stmt], chance: random.Random) -> None:
    """Shuffle adjacent tests; statements between them stay, as later ones may depend on them."""
    start = 0
    while start < len(siblings):
        end = start
        while end < len(siblings) and isinstance(siblings[end], TestNode) and _is_test(siblings[end]):
            end += 1
        siblings[start:end] = chance.sample(siblings[start:end], end - start)
        start = end + 1


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, TestNode) and node.name.startswith("test")


def copied(node: _Node) -> _Node:
    """Copy a tree, much faster than `copy.deepcopy`."""
    return type(node)(**{name: _copied(value) for name, value in vars(node).items()})


def _copied(value: object) -> object:
    if isinstance(value, list):
        return [_copied(one) for one in value]
    return copied(value) if isinstance(value, ast.AST) else value


def places_of(node: TestNode) -> list[ast.AST]:
    """Constants whose change should make the test fail: those in assertions first."""
    found: list[ast.AST] = []
    inside = [inner for statement in node.body for inner in ast.walk(statement)]
    for inner in inside:
        if isinstance(inner, ast.Assert):
            found += _constants(inner.test, last_first=True)
        elif isinstance(inner, ast.Call) and called(inner).startswith("assert"):
            found += [one for argument in reversed(inner.args) for one in _constants(argument)]
        elif isinstance(inner, ast.Call) and called(inner) in ("raises", "warns") and inner.args:
            place = inner.args[0] if isinstance(inner.args[0], ast.Name) else inner
            found += [place] if _unrelated_errors(ast.unparse(inner.args[0])) else []
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and called(decorator) == "parametrize":
            found += [one for argument in decorator.args[1:] for one in reversed(_constants(argument))]
    for inner in inside:
        if isinstance(inner, ast.Assign | ast.Call):
            found += _constants(inner)
    unique = {id(one): one for one in found}
    return list(unique.values())


def names_error(node: TestNode, variant: int) -> bool:
    """Whether a twin differs from its test in the exception that is expected."""
    return isinstance(places_of(node)[variant // OTHERS], ast.Name | ast.Call)


def _constants(node: ast.AST, *, last_first: bool = False) -> list[ast.AST]:
    found: list[ast.AST] = [
        inner
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, bool | int | float | str | bytes)
    ]
    return found[::-1] if last_first else found


def called(node: ast.Call) -> str:
    """Last name of the called expression."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def others_of(node: ast.AST) -> int:
    """Number of other values for a place."""
    return 1 if isinstance(node, ast.Constant) and isinstance(node.value, bool) else OTHERS


def other_constant(node: ast.AST, other: int, words: Words) -> None:
    """Change a constant, or the exception that a call expects, to another one of its kind, by number."""
    if isinstance(node, ast.Name):
        errors = _unrelated_errors(node.id)
        node.id = errors[other % len(errors)]
    elif isinstance(node, ast.Call):
        errors = _unrelated_errors(ast.unparse(node.args[0]))
        node.args[0] = ast.Name(errors[other % len(errors)], ast.Load())
    elif isinstance(node, ast.Constant):
        others = alike(node.value, words, OTHERS)
        node.value = others[other % len(others)]


def _unrelated_errors(expected: str) -> list[str]:
    """Usual errors in an order that depends on the expected one, without those that are related to it."""
    own = getattr(builtins, expected, None)
    lines = {name: getattr(builtins, name).__mro__ for name in _ERRORS}
    found = [name for name, line in lines.items() if own not in line]
    if isinstance(own, type):
        found = [name for name in found if lines[name][0] not in own.__mro__]
    return random.Random(expected).sample(found, len(found))
