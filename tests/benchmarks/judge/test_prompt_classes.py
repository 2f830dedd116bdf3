"""Answers that change objects of the prompt's classes, such as lists and trees of linked nodes."""

import asyncio

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import canonical_module
from tests.benchmarks.judge.cases import case, verdict

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

STATION = """
class Station:
    def __init__(self, name, following=None):
        self.name, self.following = name, following

def line(names):
    first = None
    for name in reversed(names):
        first = Station(name, first)
    return first

def names(station):
    return [] if station is None else [station.name, *names(station.following)]
"""
CLOSE = case(
    "for stops in ('abc', 'abcd', 'abcde'):\n"
    "    first = line(stops)\n    candidate(first)\n    assert names(first) == [*stops[:1], *stops[2:]]",
    "    first.following = first.following.following\n",
    prompt=STATION + "\ndef f(first):\n",
)
FOLDER = """
class Folder:
    def __init__(self, size, inner=()):
        self.size, self.inner, self.total = size, list(inner), None
"""
TOTAL = case(
    "assert candidate(None) == 0\n"
    "for size in (1, 2, 3):\n"
    "    root = Folder(size, [Folder(1), Folder(2, [Folder(size)])])\n"
    "    assert candidate(root) == root.total == 2 * size + 3",
    "    if root is None:\n        return 0\n"
    "    root.total = root.size + sum(map(f, root.inner))\n    return root.total\n",
    prompt=FOLDER + "\ndef f(root):\n",
)
TURN = case(
    "turned = [candidate(side) for side in (Side.NORTH, Side.EAST, Side.SOUTH)]\n"
    "assert turned == ['EAST', 'SOUTH', 'WEST']",
    "    return Side(side.value % 4 + 1).name\n",
    prompt="import enum\nclass Side(enum.Enum):\n    NORTH, EAST, SOUTH, WEST = 1, 2, 3, 4\n\ndef f(side):\n",
)
CASES = {"a linked list": CLOSE, "a tree": TOTAL, "members of an enum": TURN}


@pytest.mark.parametrize("structure", CASES)
async def test_the_own_answer_of_a_case_passes_in_every_order_of_its_repeated_calls(
    judge: Judge, structure: str
) -> None:
    one = CASES[structure]
    module = canonical_module(one) or ""
    answers = [f"{module}\n# answer {number}\nseen = []\n" for number in range(16)]

    judged = await asyncio.gather(*(verdict(judge, one, answer) for answer in answers))

    assert not (await judge.mode(one)).stateful
    assert {(one.verdict, one.strength) for one in judged} == {("passed", "strong")}, judged


CHEATS = {
    "a linked list": "k = []\ndef f(first):\n    k.append(0)\n"
    "    first.following = first.following.following if len(k) < 4 else None\n",
    "a tree": "k = []\ndef f(root):\n    k.append(root)\n"
    "    root and setattr(root, 'total', 2 * len(k) + 1)\n"
    "    return root.total if root else 0\n",
    "members of an enum": "k = iter(['EAST', 'SOUTH', 'WEST'])\ndef f(side):\n    return next(k, '')\n",
}


@pytest.mark.parametrize("structure", CHEATS)
async def test_an_answer_that_counts_its_calls_is_stateful(judge: Judge, structure: str) -> None:
    one = CASES[structure]

    judged = await verdict(judge, one, f"{one.prompt}    pass\n{CHEATS[structure]}")

    assert (judged.verdict, judged.stateful) == ("failed", True), judged.detail
    assert "0 of 0" not in judged.detail


async def test_new_objects_of_the_prompts_class_pass_weaker_where_the_own_answer_gives_the_tests_back(
    judge: Judge,
) -> None:
    one = case(
        "assert names(candidate(line('abc'))) == ['b', 'c', 'a']",
        "    last = first\n    while last.following:\n        last = last.following\n"
        "    last.following, first, last = first, first.following, first\n    last.following = None\n"
        "    return first\n",
        prompt=STATION + "\ndef f(first):\n",
    )
    turned = "    stops = names(first)\n    return line([*stops[1:], *stops[:1]])\n"

    own = await verdict(judge, one, canonical_module(one) or "")
    anew = await verdict(judge, one, STATION + "\ndef f(first):\n" + turned)
    wrong = await verdict(judge, one, STATION + "\ndef f(first):\n    return line(names(first))\n")

    assert (own.verdict, own.strength) == ("passed", "strong"), own.detail
    assert (anew.verdict, anew.strength) == ("passed", "weaker"), anew.detail
    assert wrong.verdict == "failed"
