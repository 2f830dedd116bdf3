"""Further inputs that show which of several candidates is odd, in a real sandbox."""

from collections.abc import Sequence

import pytest

from coder.sampling.differential import ROUNDS, told_apart
from sandbox import Sandbox

SORTS = "def f(xs):\n    return sorted(xs)\n"
ALSO_SORTS = "def f(xs):\n    found = list(xs)\n    found.sort()\n    return found\n"
AS_A_SET = "def f(xs):\n    return sorted(set(xs))\n"
ODD_AT_A_NUMBER = "def f(n):\n    return n if n != 437 else 0\n"
PLAIN = "def f(n):\n    return n\n"
ENDLESS = "def f(n):\n    while n > 8:\n        pass\n    return n\n"
LEAVES = "import os\n\n\ndef f(n):\n    return os._exit(3) if n == 9 else n\n"
FLOODS = "def f(n):\n    print('x' * 9_000_000)\n    return n\n"
LARGE = "def f(n):\n    return ['x' * 40_000] * 9 + [n]\n"
COUNTS = "calls = []\n\n\ndef f(n):\n    calls.append(n)\n    return len(calls)\n"
CHOOSY = "def f(n):\n    raise ValueError(n)\n"
NOTHING = "def g(n):\n    return n\n"


async def told(box: Sandbox, sources: Sequence[str], *inputs: tuple[object, ...]) -> list[tuple[str, ...]]:
    """What further inputs show, with these known."""
    return await told_apart(box, sources, "f", inputs=inputs)


async def test_a_further_input_shows_which_is_odd(box: Sandbox) -> None:
    one, other, odd = await told(box, [SORTS, ALSO_SORTS, AS_A_SET], ([3, 1, 2],))

    assert one == other != odd


async def test_a_number_that_a_candidate_compares_with_is_tried(box: Sandbox) -> None:
    plain, odd = await told(box, [PLAIN, ODD_AT_A_NUMBER], (7,))

    assert "0x1b5" in plain
    assert plain != odd


async def test_the_same_inputs_are_tried_again(box: Sandbox) -> None:
    sources = [SORTS, ALSO_SORTS, AS_A_SET]

    assert await told(box, sources, ([3, 1],)) == await told(box, sources, ([3, 1],))


@pytest.mark.slow
async def test_what_never_returns_or_leaves_is_asked_no_more_and_costs_the_others_nothing(
    box: Sandbox,
) -> None:
    plain, same, endless, leaves = await told(box, [PLAIN, PLAIN, ENDLESS, LEAVES], (7,))

    assert plain == same
    assert not any(given.startswith("!") for given in plain)
    assert endless.count("!late") <= 1
    assert leaves.count("!") <= 1
    assert set(endless[-9:]) == set(leaves[-9:]) == {"!gone"}


async def test_neither_floods_nor_large_values_fill_the_caller(box: Sandbox) -> None:
    floods, large, counts = await told(box, [FLOODS, LARGE, COUNTS], (7,))

    assert max(map(len, floods + large + counts)) < 1000
    assert "0x8" in floods
    assert counts[:3] == ("0x1", "0x2", "0x3")


async def test_an_input_that_most_cannot_take_tells_nothing(box: Sandbox) -> None:
    assert await told(box, [CHOOSY, CHOOSY, PLAIN], (7,)) == [()] * 3
    assert await told(box, [NOTHING, NOTHING], (7,)) == [()] * 2


async def test_there_is_an_end_where_nothing_tells_them_apart(box: Sandbox) -> None:
    one, other = await told(box, [SORTS, ALSO_SORTS], ([3, 1, 2],))

    assert one == other
    assert len(one) <= ROUNDS * 64
