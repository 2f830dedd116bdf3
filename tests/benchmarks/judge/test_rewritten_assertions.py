"""Tests run with plain assertions; with pytest's rewritten ones where a case needs them."""

from typing import Any

import pytest

from benchmarks.judge.judge import open_judge
from benchmarks.judge.mode import RepositoryMode
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.verdict import Verdict
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]

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


async def judged(tests: str, **more: Any) -> tuple[RepositoryMode, list[Verdict]]:
    """The mode of a case, and verdicts on the right patch, one right for one test, and a wrong one."""
    case = RepositoryCase(
        id="count",
        prompt="",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests={"test_count.py": tests},
        gold_patch=diff(BASE, GOLD),
        timeout_s=10,
        **more,
    )
    async with open_judge(Suite(name="t", version="1", cases=(case,)), python=only_pytest()) as judge:
        verdicts = [await judge.judge(case, diff(BASE, files)) for files in (GOLD, ONE_RIGHT, WRONG)]
        return await judge.repository_mode(case), verdicts


@pytest.mark.parametrize("names", [True, False], ids=["named", "unnamed"])
async def test_a_test_that_reads_pytests_own_message_still_decides(names: bool) -> None:
    nodes = ("test_count.py::test_double", "test_count.py::test_message")
    mode, verdicts = await judged(TESTS + LOOKS, **({"fail_to_pass": nodes} if names else {}))

    assert mode.tool == "rewriting"
    assert {*mode.needed} == {*nodes}
    assert [one.verdict for one in verdicts] == ["passed", "failed", "failed"]


async def test_a_failure_tells_the_compared_values_though_assertions_are_plain() -> None:
    mode, verdicts = await judged(TESTS)

    assert mode.tool == "plain"
    assert verdicts[2].verdict == "failed"
    assert "assert 3 == 6" in verdicts[2].detail


async def test_assertions_hold_where_python_leaves_them_out() -> None:
    mode, verdicts = await judged(TESTS, environment={"PYTHONOPTIMIZE": "1"})

    assert mode.tool == "plain"
    assert mode.how == "decoyed"
    assert (verdicts[0].verdict, verdicts[2].verdict) == ("passed", "failed")
