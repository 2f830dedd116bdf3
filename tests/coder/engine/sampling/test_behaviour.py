"""What candidates do, seen in a real sandbox."""

from collections.abc import Sequence

import pytest

from coder.engine.sampling.compare import Arguments, behaviour
from sandbox import Sandbox

NAMES = "def f(xs):\n    return {x for x in xs}\n"
RAISES = "def f(xs):\n    return xs[9]\n"
ENDLESS = "def f(xs):\n    while True:\n        pass\n"
SPITEFUL = """
from pathlib import Path


def f(xs):
    for path in Path.cwd().glob("*.py"):
        path.write_text("def f(xs): return 'spoilt'")
    return 0
"""
LEAVES = "import os\n\n\ndef f(n):\n    return os._exit(3) if n == 9 else n\n"
FLOODS = "def f(n):\n    print('x' * 9_000_000)\n    return n\n"
LARGE = "def f(n):\n    return ['x' * 40_000] * 9 + [n]\n"


async def behaviours(
    box: Sandbox, sources: Sequence[str], name: str, *, inputs: Sequence[Arguments]
) -> list[tuple[str, ...]]:
    """Of each of these sources."""
    return [await behaviour(box, source, name, inputs=inputs) for source in sources]


async def test_sets_have_one_order_and_what_is_raised_is_named(box: Sandbox) -> None:
    inputs = [(["b", "a", "c"],), ([],)]

    results = await behaviours(box, [NAMES, RAISES], "f", inputs=inputs)

    assert results == [("set('a','b','c')", "set()"), ("!IndexError", "!IndexError")]


@pytest.mark.slow
async def test_who_never_returns_is_asked_once(box: Sandbox) -> None:
    assert await behaviours(box, [ENDLESS], "f", inputs=[([],), ([1],)]) == [("!late", "!gone")]


async def test_words_of_an_error_or_a_name_are_not_taken_for_what_happened(box: Sandbox) -> None:
    own = "class E(Exception): pass\ndef within(n): raise E('within 1 s')\n"
    gone = "import os\ndef within(n): os._exit(3)\n"

    results = await behaviours(box, [own, gone], "within", inputs=[(1,)])

    assert results == [("!an exception of its own",), ("!",)]


async def test_a_very_long_number_and_a_very_deep_list_are_values_like_others(box: Sandbox) -> None:
    deep = "def f(n):\n    found = []\n    for _ in range(n):\n        found = [found]\n    return found\n"
    long = "def f(n):\n    return 10 ** n\n"

    (nested,), (number,) = await behaviours(box, [deep, long], "f", inputs=[(9000,)])

    assert nested.startswith(("list(", "!"))
    assert number.startswith("0x")


async def test_no_candidate_changes_another(box: Sandbox) -> None:
    results = await behaviours(box, [SPITEFUL, NAMES], "f", inputs=[(["a"],)])

    assert results == [("0x0",), ("set('a')",)]


async def test_what_leaves_is_asked_no_more(box: Sandbox) -> None:
    assert await behaviour(box, LEAVES, "f", inputs=[(1,), (9,), (2,)]) == ("0x1", "!", "!gone")


async def test_neither_floods_nor_large_values_fill_the_caller(box: Sandbox) -> None:
    floods, large = await behaviours(box, [FLOODS, LARGE], "f", inputs=[(7,)])

    assert floods == ("0x7",)
    assert len(large[0]) < 1000
