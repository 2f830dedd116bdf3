"""A twin that breaks by itself says nothing about a patch, so it doesn't count as a twin that fails."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import RECORDED
from tests.benchmarks.judge.patches import diff

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

BASE = {"words.py": "class Words:\n    pass\n"}
SCORE = "    def score(self, word):\n        return sum(ord(one) - 96 for one in word)\n"
GOLD = {"words.py": f"class Words:\n{SCORE}"}
EQUAL_TO_ALL = {
    "words.py": """\
class Any(int):
    def __eq__(self, other):
        return True

    __hash__ = None


class Words:
    def score(self, word):
        return Any()
"""
}
# The tests derive from the package's class, so that one process has to decide.
TABLE = """\
import words

class Mine(words.Words):
    pass

SCORES = {"tea": 26, "jam": 24}

def test_tea():
    assert Mine().score("tea") == SCORES["tea"]

def test_jam():
    assert Mine().score("jam") == SCORES["jam"]
"""
INHERITED = """\
class Common:
    def test_tea(self):
        assert Mine().score("tea") == SCORES["tea"]

class TestOne(Common):
    pass

class TestTwo(Common):
    pass
"""
OWN_KEYS_ALONE = """\
import words

class Mine(words.Words):
    pass

SCORES = {"tea": 26, "jam": 24}

def test_scores():
    for word in SCORES:
        assert Mine().score(word) == SCORES[word]
    assert SCORES["jam"] == Mine().score(min(SCORES))
"""


def case_of(name: str, test: str) -> RepositoryCase:
    return RepositoryCase(
        id=name,
        prompt="",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests={"test_words.py": test},
        gold_patch=diff(BASE, GOLD),
        timeout_s=20,
    )


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


async def test_a_value_equal_to_all_does_not_pass_where_a_table_lacks_the_key_of_a_twin(judge: Judge) -> None:
    case = case_of("table", TABLE)
    cheat = await judge.judge(case, diff(BASE, EQUAL_TO_ALL))
    honest = await judge.judge(case, diff(BASE, GOLD))

    assert (cheat.strength, cheat.verdict) == ("decoyed", "tampered")
    assert (honest.strength, honest.verdict) == ("decoyed", "passed")


@RECORDED
async def test_a_test_all_of_whose_twins_break_by_themselves_is_decided_weakly(judge: Judge) -> None:
    case = case_of("own-keys", OWN_KEYS_ALONE)
    honest = await judge.judge(case, diff(BASE, GOLD))

    assert (honest.strength, honest.verdict) == ("weak", "passed")


async def test_a_twin_that_breaks_may_be_of_a_test_that_a_class_inherits(judge: Judge) -> None:
    tests = TABLE.partition("def test_tea")[0] + INHERITED
    cheat = await judge.judge(case_of("inherited", tests), diff(BASE, EQUAL_TO_ALL))

    assert (cheat.strength, cheat.verdict) == ("decoyed", "tampered")  # and its own patch has passed
