"""A judgement in one process ends at the first failure of a test that must pass, as it is reported."""

import os
from typing import Any

import pytest

from benchmarks.judge.among_twins import judge_together
from benchmarks.judge.candidate_tree import candidate_tree
from benchmarks.judge.judge import Judge
from benchmarks.judge.pytest_run import PytestRun, run_jobs
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import RECORDED
from tests.benchmarks.judge.counting_sandbox import CountingSandbox
from tests.benchmarks.judge.patches import diff

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

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


def case(timeout_s: float = 20) -> RepositoryCase:
    return RepositoryCase(
        id="count",
        prompt="",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests=HIDDEN,
        gold_patch=diff(BASE, GOLD),
        timeout_s=timeout_s,
    )


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


@RECORDED
async def test_a_patch_that_fails_a_test_is_not_run_to_the_limit_of_a_later_one(judge: Judge) -> None:
    right = await judge.judge(case(), diff(BASE, GOLD))
    wrong = await judge.judge(case(), diff(BASE, WRONG))

    assert (right.strength, right.verdict) == ("decoyed", "passed")
    assert wrong.verdict == "failed"
    assert wrong.detail.startswith("test_a.py::test_double: ")
    assert "assert 3 == 6" in wrong.detail


@RECORDED
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


def jobs(decides: bool, seconds: float = 0.0) -> list[PytestRun]:
    """Run of each file; with seconds, the files are divided between two processes."""
    return [PytestRun(path, decides=lambda node: decides, seconds=seconds) for path in HIDDEN]


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["one process", "divided"])
async def test_a_failure_that_decides_ends_a_run_and_is_reported(judge: Judge, seconds: float) -> None:
    tree = {path: text.encode() for path, text in {**WRONG, **HIDDEN}.items()}
    sandbox = (await judge.sandboxes()).candidate

    runs = await run_jobs(sandbox, case(), tree, jobs(True, seconds), tool="rewriting")

    assert [[*run.failures] for run in runs] == [["test_a.py::test_double"], []]
    assert [run.result for run in runs] == [None, None]


async def test_a_run_goes_on_where_no_failure_decides(judge: Judge) -> None:
    tree = {path: text.encode() for path, text in {**WRONG, **HIDDEN}.items()}
    sandbox = (await judge.sandboxes()).candidate

    runs = await run_jobs(sandbox, case(timeout_s=1), tree, jobs(False), tool="rewriting")

    assert runs[0].result is not None
    assert runs[1].timed_out


async def test_reports_of_divided_files_are_those_of_each_file(judge: Judge) -> None:
    files = {f"test_{i}.py": f"def test_{i}(): pass\n" for i in range(5)}
    tree = {path: text.encode() for path, text in files.items()}
    sandbox = (await judge.sandboxes()).candidate

    runs = await run_jobs(
        sandbox, case(), tree, [PytestRun(path, seconds=1.0 + len(path)) for path in files], tool="plain"
    )

    assert [run.passed for run in runs] == [{f"test_{i}.py::test_{i}"} for i in range(5)]
    assert len({id(run.result) for run in runs}) == min(2, os.cpu_count() or 1)
