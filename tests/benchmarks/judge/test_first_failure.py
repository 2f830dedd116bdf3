"""A judgement in one process ends at the first failure of a test that must pass, as it is reported."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from benchmarks.judge.among_twins import judge_together
from benchmarks.judge.candidate_tree import candidate_tree
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.pytest_run import PytestRun, run_jobs
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.counting_sandbox import CountingSandbox
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest, opened

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

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
        timeout_s=2,
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncIterator[Judge]:
    suite = Suite(name="t", version="1", cases=(case(),))
    async with open_judge(suite, python=only_pytest()) as judge:
        yield judge


async def test_a_patch_that_fails_a_test_is_not_run_to_the_limit_of_a_later_one(judge: Judge) -> None:
    right = await judge.judge(case(), diff(BASE, GOLD))
    wrong = await judge.judge(case(), diff(BASE, WRONG))

    assert (right.strength, right.verdict) == ("decoyed", "passed")
    assert wrong.verdict == "failed"
    assert wrong.detail.startswith("test_a.py::test_double: ")
    assert "assert 3 == 6" in wrong.detail


async def test_a_patch_that_fails_its_first_judgement_has_no_other(judge: Judge) -> None:
    one, raising = case(), {"count.py": "class Count:\n    def double(self, n): raise ValueError\n"}
    mode = await judge.repository_mode(one)
    runs = []
    for files in (GOLD, raising):
        counting: Any = CountingSandbox((await judge.sandboxes()).candidate)
        await judge_together(counting, one, candidate_tree(one, diff(BASE, files)), mode)
        runs.append(counting.runs)

    assert mode.rounds > 1
    assert runs == [mode.rounds, 1]


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["one process", "divided"])
async def test_a_run_goes_on_where_no_failure_decides(seconds: float) -> None:
    tree = {path: text.encode() for path, text in {**WRONG, **HIDDEN}.items()}
    async with opened() as sandbox:
        ended = await run_jobs(
            sandbox,
            case(),
            tree,
            [PytestRun(path, decides=lambda node: True, seconds=seconds) for path in HIDDEN],
            tool="rewriting",
        )
        whole = await run_jobs(
            sandbox,
            case(),
            tree,
            [PytestRun(path, decides=lambda node: False, seconds=seconds) for path in HIDDEN],
            tool="rewriting",
        )

    assert [[*run.failures] for run in ended] == [["test_a.py::test_double"], []]
    assert [run.result for run in ended] == [None, None]
    assert whole[0].result is not None
    assert whole[1].timed_out


async def test_reports_of_divided_files_are_those_of_each_file() -> None:
    files = {f"test_{i}.py": f"def test_{i}(): pass\n" for i in range(5)}
    tree = {path: text.encode() for path, text in files.items()}
    jobs = [PytestRun(path, seconds=1.0 + len(path)) for path in files]
    async with opened() as sandbox:
        runs = await run_jobs(sandbox, case(), tree, jobs, tool="plain")

    assert [run.passed for run in runs] == [{f"test_{i}.py::test_{i}"} for i in range(5)]
    assert len({id(run.result) for run in runs}) == min(2, os.cpu_count() or 1)
