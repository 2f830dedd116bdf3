"""Tests run with plain assertions; with pytest's rewritten ones where a case needs them."""

from typing import Any

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import RepositoryMode
from benchmarks.suite import RepositoryCase
from benchmarks.verdict import Verdict
from tests.benchmarks.judge.cases import RECORDED
from tests.benchmarks.judge.patches import diff

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

# The tests derive from the package's class, so that one process has to decide.
TESTS = """\
import count
import pytest

class Mine(count.Count):
    pass

def test_double():
    assert Mine().double(3) == 6
"""
LOOKS = """
def test_message():
    with pytest.raises(AssertionError) as info:
        assert Mine().double(4) == 9
    assert "assert 8 == 9" in str(info.value)
"""
BASE = {"count.py": "class Count:\n    pass\n"}
GOLD = {"count.py": "class Count:\n    def double(self, n): return 2 * n\n"}
ONE_RIGHT = {"count.py": "class Count:\n    def double(self, n): return 6\n"}
WRONG = {"count.py": "class Count:\n    def double(self, n): return n\n"}


def case_of(tests: str = TESTS, **more: Any) -> RepositoryCase:
    return RepositoryCase(
        id=f"count {tests} {more}",
        prompt="",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests={"test_count.py": tests},
        gold_patch=diff(BASE, GOLD),
        timeout_s=10,
        **more,
    )


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


async def judged(
    judge: Judge, case: RepositoryCase, *patches: dict[str, str]
) -> tuple[RepositoryMode, list[Verdict]]:
    """The mode of a case, and the verdicts on these patches."""
    verdicts = [await judge.judge(case, diff(BASE, files)) for files in patches]
    return await judge.repository_mode(case), verdicts


NODES = ("test_count.py::test_double", "test_count.py::test_message")


@RECORDED
async def test_a_test_that_reads_pytests_own_message_still_decides(judge: Judge) -> None:
    case = case_of(TESTS + LOOKS, fail_to_pass=NODES)
    mode, verdicts = await judged(judge, case, GOLD, ONE_RIGHT, WRONG)

    assert mode.tool == "rewriting"
    assert {*mode.needed} == {*NODES}
    assert [one.verdict for one in verdicts] == ["passed", "failed", "failed"]


async def test_such_a_test_is_found_where_the_case_names_none(judge: Judge) -> None:
    mode = await judge.repository_mode(case_of(TESTS + LOOKS))

    assert mode.tool == "rewriting"
    assert {*mode.needed} == {*NODES}


async def test_a_failure_tells_the_compared_values_though_assertions_are_plain(judge: Judge) -> None:
    mode, [verdict] = await judged(judge, case_of(), WRONG)

    assert mode.tool == "plain"
    assert verdict.verdict == "failed"
    assert "assert 3 == 6" in verdict.detail


@RECORDED
async def test_assertions_hold_where_python_leaves_them_out(judge: Judge) -> None:
    case = case_of(environment={"PYTHONOPTIMIZE": "1"})
    mode, [wrong] = await judged(judge, case, WRONG)

    assert mode.tool == "plain"
    assert mode.how == "decoyed"  # the case's own patch has passed
    assert wrong.verdict == "failed"
