"""Hide each test among decoys: twins with another expected value, with random names and order.

An answer that detects tests instead of solving the task makes the twins pass too. All twins of a test differ
from the test in one place, by values of similar kind (`alike.py`); the test's value can be the least, the
greatest or between. Test and twins lose their explanations (`bare_tests.py`).
"""

import ast
import builtins
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.judge.alike import Words, similar_constants, words_of_tests
from benchmarks.judge.bare_tests import remove_explanations
from benchmarks.judge.inherited_tests import heirs_of

MAX_PLACES = 6
"""Change at most this many places of a test in search of a failure with the canonical answer."""
MAX_OTHERS = 6
"""Try at most this many other values in one place."""
MAX_TWINS = 3
"""Make at most this many twins of a test that must pass, in each judgement."""
_SETS = ((0, 2, 4), (0, 1, 2), (0, 1, 3), (1, 3, 5))
"""Indices of three similar constants; in the four sets none, one, two or all are below the test's value."""
_ERRORS = (
    *("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "RuntimeError"),
    *("ZeroDivisionError", "FileNotFoundError", "AssertionError", "OverflowError"),
)
"""Errors that tests often expect. No error derives from another one."""
_PAIRS, _SINGLE = ((0, 2), (0, 1), (1, 3)), ((0,), (1,))
TestNode = ast.FunctionDef | ast.AsyncFunctionDef
MakeTwins = Callable[[str, TestNode, Sequence[int], Words], Sequence[TestNode]]
"""Makes twins from a test's qualified name, its node, variants, and the words of its file."""
_Node = TypeVar("_Node", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class DisguisedFile:
    """Test file with twins, and the mappings that identify tests and twins in its report."""

    source: str
    real: dict[str, str]
    """Qualified name of a test, such as `TestF::test_g`, by its random name; also of inherited tests."""
    variants: dict[str, tuple[str, int]]
    """Qualified name of the test and variant, by a twin's random name; place: variant // `MAX_OTHERS`."""
    ids: dict[str, str] = field(default_factory=dict)
    """Parameter id of the case by random id."""


def find_variants(source: str) -> dict[str, list[list[int]]]:
    """Return the possible twins of each test: a list of variants for each place."""
    tests = list(find_tests(tree := ast.parse(source)))
    remove_explanations(tree, (node for _, node, _ in tests), random.Random(0))
    return {
        name: [
            [MAX_OTHERS * place + other for other in range(count_others(node_of_place))]
            for place, node_of_place in enumerate(find_places(node)[:MAX_PLACES])
        ]
        for name, node, _ in tests
    }


def choose_twins(variants: Collection[int], chance: random.Random) -> list[int]:
    """Choose twins of one place so that the test's value is equally often the least and the greatest."""
    first_variant = min(variants) // MAX_OTHERS * MAX_OTHERS
    for sets in (_SETS, _PAIRS, _SINGLE):
        if all(first_variant + other in variants for indices in sets for other in indices):
            return [first_variant + other for other in chance.choice(sets)]
    return [min(variants)]


def choose_inputs(variants: Collection[int], chance: random.Random) -> list[int]:
    """Choose inputs for the twins of one judgement. The case's own patch gives plain data for `variants`."""
    return (
        choose_twins(variants, chance)
        if len(variants) == MAX_OTHERS
        else chance.sample(sorted(variants), MAX_TWINS)
    )


def make_twins(name: str, node: TestNode, variants: Sequence[int], words: Words) -> list[TestNode]:
    """Make twins in which one constant differs."""
    twins = [copy_tree(node) for _ in variants]
    for twin, variant in zip(twins, variants, strict=True):
        replace_constant(find_places(twin)[variant // MAX_OTHERS], variant % MAX_OTHERS, words)
    return twins


def disguise(
    source: str,
    twins: Mapping[str, Sequence[int]],
    chance: random.Random,
    make: MakeTwins = make_twins,
    project: frozenset[str] = frozenset(),
) -> DisguisedFile:
    """Return the file with the `twins` of its tests, renamed and reordered; tests without twins stay.

    Args:
        project: words of the case's tree (`project_words`).
    """
    tree = ast.parse(source)
    heirs, words = heirs_of(tree), words_of_tests(tree, project)
    test_names: dict[str, str] = {}
    twin_names: dict[str, tuple[str, int]] = {}
    tests = [test for test in find_tests(tree) if test[0] in twins]
    ids = remove_explanations(tree, (node for _, node, _ in tests), chance)
    for name, node, siblings in tests:
        twin_nodes = list(make(name, node, twins[name], words))
        owners = [test_name.rpartition("::")[0] for test_name in (name, *heirs.get(name, ()))]
        new_name = _rename(node, chance)
        test_names.update(
            (_qualified_name(owner, new_name), _qualified_name(owner, name.rpartition("::")[2]))
            for owner in owners
        )
        for twin, variant in zip(twin_nodes, twins[name], strict=True):
            new_name = _rename(twin, chance)
            twin_names.update((_qualified_name(owner, new_name), (name, variant)) for owner in owners)
        index = siblings.index(node)
        siblings[index : index + 1] = chance.sample([node, *twin_nodes], len(twin_nodes) + 1)
    for siblings in _bodies(tree):
        _shuffle_tests(siblings, chance)
    return DisguisedFile(ast.unparse(tree), test_names, twin_names, ids)


def _rename(node: TestNode, chance: random.Random) -> str:
    """Give a test a random name, and remove `u` prefixes, which only handwritten source has."""
    node.name = f"test_{chance.getrandbits(48):012x}"
    for constant in (inner for inner in ast.walk(node) if isinstance(inner, ast.Constant)):
        constant.kind = None
    return node.name


def _qualified_name(owner: str, name: str) -> str:
    """Return the qualified name of a test; `owner` is its class, or empty."""
    return f"{owner}::{name}" if owner else name


def _bodies(tree: ast.Module) -> list[list[ast.stmt]]:
    return [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]


def find_tests(tree: ast.Module) -> Iterator[tuple[str, TestNode, list[ast.stmt]]]:
    """Yield the qualified name, the node and the sibling statements of each test."""
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


def copy_tree(node: _Node) -> _Node:
    """Copy a tree, much faster than `copy.deepcopy`."""
    return type(node)(**{name: _copy_value(value) for name, value in vars(node).items()})


def _copy_value(value: object) -> object:
    if isinstance(value, list):
        return [_copy_value(item) for item in value]
    return copy_tree(value) if isinstance(value, ast.AST) else value


def find_places(node: TestNode) -> list[ast.AST]:
    """Return constants whose change should make the test fail: first the constants in assertions."""
    places: list[ast.AST] = []
    nodes = [inner for statement in node.body for inner in ast.walk(statement)]
    for inner in nodes:
        if isinstance(inner, ast.Assert):
            places += _constants(inner.test, last_first=True)
        elif isinstance(inner, ast.Call) and called_name(inner).startswith("assert"):
            places += [constant for argument in reversed(inner.args) for constant in _constants(argument)]
        elif isinstance(inner, ast.Call) and called_name(inner) in ("raises", "warns") and inner.args:
            place = inner.args[0] if isinstance(inner.args[0], ast.Name) else inner
            places += [place] if _unrelated_errors(ast.unparse(inner.args[0])) else []
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and called_name(decorator) == "parametrize":
            places += [
                constant for argument in decorator.args[1:] for constant in reversed(_constants(argument))
            ]
    for inner in nodes:
        if isinstance(inner, ast.Assign | ast.Call):
            places += _constants(inner)
    unique = {id(place): place for place in places}
    return list(unique.values())


def names_error(node: TestNode, variant: int) -> bool:
    """Whether a twin differs from its test in the expected exception."""
    return isinstance(find_places(node)[variant // MAX_OTHERS], ast.Name | ast.Call)


def _constants(node: ast.AST, *, last_first: bool = False) -> list[ast.AST]:
    constants: list[ast.AST] = [
        inner
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, bool | int | float | str | bytes)
    ]
    return constants[::-1] if last_first else constants


def called_name(node: ast.Call) -> str:
    """Return the last name of the called expression, such as `g` for `f.g()`."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def count_others(node: ast.AST) -> int:
    """Return how many replacement values a constant or expected exception can have."""
    return 1 if isinstance(node, ast.Constant) and isinstance(node.value, bool) else MAX_OTHERS


def replace_constant(node: ast.AST, other: int, words: Words) -> None:
    """Replace a constant or an expected exception by another of its kind, with index `other`."""
    if isinstance(node, ast.Name):
        errors = _unrelated_errors(node.id)
        node.id = errors[other % len(errors)]
    elif isinstance(node, ast.Call):
        errors = _unrelated_errors(ast.unparse(node.args[0]))
        node.args[0] = ast.Name(errors[other % len(errors)], ast.Load())
    elif isinstance(node, ast.Constant):
        others = similar_constants(node.value, words, MAX_OTHERS)
        node.value = others[other % len(others)]


def _unrelated_errors(expected: str) -> list[str]:
    """Return usual errors unrelated to the expected error, in an order that depends on it."""
    expected_type = getattr(builtins, expected, None)
    ancestors = {name: getattr(builtins, name).__mro__ for name in _ERRORS}
    names = [name for name, line in ancestors.items() if expected_type not in line]
    if isinstance(expected_type, type):
        names = [name for name in names if ancestors[name][0] not in expected_type.__mro__]
    return random.Random(expected).sample(names, len(names))
