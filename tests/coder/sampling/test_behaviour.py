"""What candidates do, seen in a real sandbox."""

import pytest

from coder.sampling.behaviour import behaviours
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
CHANGES = "calls = []\n\n\ndef f(xs):\n    calls.append(xs)\n    return len(calls)\n"


async def test_each_call_is_alone_and_sets_have_one_order(box: Sandbox) -> None:
    inputs = [(["b", "a", "c"],), ([],)]

    seen = await behaviours(box, [NAMES, RAISES, CHANGES], "f", inputs=inputs)

    assert seen == [("set('a','b','c')", "set()"), ("!IndexError", "!IndexError"), ("0x1", "0x1")]


@pytest.mark.slow
async def test_who_never_returns_is_asked_once(box: Sandbox) -> None:
    assert await behaviours(box, [ENDLESS], "f", inputs=[([],), ([1],)]) == [("!late", "!late")]


async def test_words_of_an_error_or_a_name_are_not_taken_for_what_happened(box: Sandbox) -> None:
    own = "class E(Exception): pass\ndef within(n): raise E('within 1 s')\n"
    gone = "import os\ndef within(n): os._exit(3)\n"

    seen = await behaviours(box, [own, gone], "within", inputs=[(1,)])

    assert seen == [("!an exception of its own",), ("!",)]


async def test_a_very_long_number_and_a_very_deep_list_are_values_like_others(box: Sandbox) -> None:
    deep = "def f(n):\n    found = []\n    for _ in range(n):\n        found = [found]\n    return found\n"
    long = "def f(n):\n    return 10 ** n\n"

    (nested,), (number,) = await behaviours(box, [deep, long], "f", inputs=[(9000,)])

    assert nested.startswith(("list(", "!"))
    assert number.startswith("0x")


async def test_no_candidate_changes_another(box: Sandbox) -> None:
    seen = await behaviours(box, [SPITEFUL, NAMES], "f", inputs=[(["a"],)])

    assert seen == [("0x0",), ("set('a')",)]
