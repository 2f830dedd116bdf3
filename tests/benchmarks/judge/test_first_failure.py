"""A judgement in one process ends at the first failure of a test that must pass, as it is reported."""

import os

import pytest

from benchmarks.judge.judge import open_judge
from benchmarks.judge.pytest_run import Job, run_jobs
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest, opened

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]

# The tests derive from the package's class, so that one process has to decide.
TEST = """\
import count

class Mine(count.Count):
    pass

def test_{name}():
    assert Mine().{name}(3) == {value}
"""
HIDDEN = {
    "test_a.py": TEST.format(name="double", value=6),
    "test_b.py": TEST.format(name="triple", value=9),
}
BASE = {"count.py": "class Count:\n    pass\n"}
GOLD = {
    "count.py": """\
class Count:
    def double(self, n): return 2 * n
    def triple(self, n): return 3 * n
"""
}
WRONG = {
    "count.py": """\
class Count:
    def double(self, n): return n
    def triple(self, n):
        while True: pass
"""
}


def case() -> RepositoryCase:
    return RepositoryCase(
        id="count",
        prompt="",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests=HIDDEN,
        gold_patch=diff(BASE, GOLD),
        timeout_s=4,
    )


async def test_a_patch_that_fails_a_test_is_not_run_to_the_limit_of_a_later_one() -> None:
    one = case()
    async with open_judge(Suite(name="t", version="1", cases=(one,)), python=only_pytest()) as judge:
        right = await judge.judge(one, diff(BASE, GOLD))
        wrong = await judge.judge(one, diff(BASE, WRONG))

    assert (right.strength, right.verdict) == ("decoyed", "passed")
    assert wrong.verdict == "failed"
    assert wrong.detail.startswith("test_a.py::test_double: ")
    assert "assert 3 == 6" in wrong.detail


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["one process", "divided"])
async def test_a_run_goes_on_where_no_failure_decides(seconds: float) -> None:
    tree = {path: text.encode() for path, text in {**WRONG, **HIDDEN}.items()}
    async with opened() as sandbox:
        ended = await run_jobs(
            sandbox,
            case(),
            tree,
            [Job(path, decides=lambda node: True, seconds=seconds) for path in HIDDEN],
            tool="rewriting",
        )
        whole = await run_jobs(
            sandbox,
            case(),
            tree,
            [Job(path, decides=lambda node: False, seconds=seconds) for path in HIDDEN],
            tool="rewriting",
        )

    assert [[*run.failures] for run in ended] == [["test_a.py::test_double"], []]
    assert [run.result for run in ended] == [None, None]
    assert whole[0].result is not None
    assert whole[1].timed_out


async def test_reports_of_divided_files_are_those_of_each_file() -> None:
    files = {f"test_{i}.py": f"def test_{i}(): pass\n" for i in range(5)}
    tree = {path: text.encode() for path, text in files.items()}
    jobs = [Job(path, seconds=1.0 + len(path)) for path in files]
    async with opened() as sandbox:
        runs = await run_jobs(sandbox, case(), tree, jobs, tool="plain")

    assert [run.passed for run in runs] == [{f"test_{i}.py::test_{i}"} for i in range(5)]
    assert len({id(run.result) for run in runs}) == min(2, os.cpu_count() or 1)
