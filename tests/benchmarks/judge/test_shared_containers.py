"""Containers that a patch shares with the tests, which cross as copies: it must pass in one process, too."""

import pytest

from benchmarks.judge import repository
from benchmarks.judge.judge import Judge
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.patches import diff

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

BASE = {"shop.py": "class Basket:\n    pass\n"}
CODE = (
    "class Basket:\n    def __init__(self, items):\n        self._items = {taken}\n\n"
    "    def items(self):\n        return {given}\n\n"
    "    def add(self, item):\n        self._items.append(item)\n"
)
TESTS = {
    "test_shop.py": "from shop import Basket\n\n\ndef test_takes():\n    items = ['a']\n"
    "    basket = Basket(items)\n    items.append('b')\n    assert basket.items() == ['a']\n\n\n"
    "def test_gives():\n    basket = Basket(['a'])\n    basket.items().append('b')\n"
    "    assert basket.items() == ['a']\n\n\n"
    "def test_adds():\n    basket = Basket([])\n    before = basket.items()\n    basket.add('c')\n"
    "    assert (before, basket.items()) == ([], ['c'])\n"
}


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


def patch(taken: str, given: str) -> str:
    return diff(BASE, {"shop.py": CODE.format(taken=taken, given=given)})


CASE = RepositoryCase.model_validate(
    {
        "id": "basket",
        "prompt": "A basket has items of its own, and gives copies of them.",
        "files": {path: text.encode() for path, text in BASE.items()},
        "hidden_tests": TESTS,
        "gold_patch": patch("[*items]", "[*self._items]"),
        "timeout_s": 20,
    }
)


@pytest.mark.parametrize(
    ("taken", "given", "expected"),
    [
        ("list(items)", "list(self._items)", "passed"),
        ("items[:]", "self._items.copy()", "passed"),
        ("items", "list(self._items)", "failed"),
        ("list(items)", "self._items", "failed"),
    ],
)
async def test_a_patch_that_shares_a_container_with_the_tests_fails(
    judge: Judge, taken: str, given: str, expected: str
) -> None:
    verdict = await judge.judge(CASE, patch(taken, given))

    assert (verdict.verdict, verdict.strength) == (expected, "strong"), verdict.detail


async def test_without_the_run_in_one_process_copies_hide_it(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_failure(*_: object) -> str:
        return ""

    monkeypatch.setattr(repository, "_fail_together", no_failure)

    assert (await judge.judge(CASE, patch("items", "self._items"))).verdict == "passed"
