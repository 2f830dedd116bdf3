"""Reports of the test files that run in one process with a patch's code."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.judge.pytest_run import PytestRun, run_jobs
from benchmarks.suite import RepositoryCase

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

ENDS = """\
import pytest
import unittest

def check(value):
    __tracebackhide__ = True
    assert value, "hidden"

def double(n):
    raise ValueError(f"no double of {n}")

def skip():
    pytest.skip("not here")

def test_asserts():
    check(0)
def test_does_not_raise():
    with pytest.raises(ValueError):
        pass
def test_fails():
    pytest.fail("on purpose")
def test_raises():
    double(2)
def test_skips():
    skip()
@pytest.mark.xfail(raises=ValueError)
def test_is_expected_to_fail():
    double(2)
class Test(unittest.TestCase):
    def test_asserts(self):
        self.assertEqual(double, 2)
    def test_raises(self):
        double(3)
    def test_skips(self):
        self.skipTest("not here")
"""


async def test_each_way_in_which_a_test_ends_is_reported_with_its_innermost_frame(
    repository_judge: Judge,
) -> None:
    path = "test_ends.py"
    case = RepositoryCase(
        id="ends", prompt="", files={}, hidden_tests={path: ENDS}, gold_patch=None, timeout_s=20
    )
    sandbox = (await repository_judge.sandboxes()).candidate

    [run] = await run_jobs(sandbox, case, {path: ENDS.encode()}, [PytestRun(path)], tool="rewriting")

    failure_texts = {node.partition("::")[2]: text for node, text in run.failures.items()}
    assert run.done
    assert not run.passed
    assert failure_texts["test_skips"] == failure_texts["Test::test_skips"] == "skipped"
    assert failure_texts["test_is_expected_to_fail"] == "xfailed"
    for name, frame, reason in (
        ("test_asserts", "in check", "AssertionError: hidden"),
        ("test_does_not_raise", "in ", "DID NOT RAISE"),
        ("test_fails", "in ", "on purpose"),
        ("test_raises", "in double", "ValueError: no double of 2"),
        ("Test::test_asserts", "in ", "AssertionError: <function double"),
        ("Test::test_raises", "in double", "ValueError: no double of 3"),
    ):
        assert frame in failure_texts[name].partition("\n")[0]
        assert reason in failure_texts[name]
    assert {node.partition("::")[2] for node in run.broken} == {"test_raises", "Test::test_raises"}


START = "def test_is_cloned(): assert '.py' not in open('/proc/self/cmdline').read()\n"
HASHES = "import sys\ndef test_hashes(): assert not sys.flags.hash_randomization\n"


@pytest.mark.parametrize(
    ("environment", "passed"),
    [
        ({"LANG": "C", "PYTHONPATH": "x"}, ["test_is_cloned"]),
        ({"PYTHONHASHSEED": "0"}, ["test_hashes"]),
    ],
    ids=["cloned", "started"],
)
async def test_python_starts_anew_where_the_case_sets_what_counts_at_its_start(
    repository_judge: Judge, environment: dict[str, str], passed: list[str]
) -> None:
    path = "test_start.py"
    case = RepositoryCase(
        id="start", prompt="", files={}, hidden_tests={}, gold_patch=None, environment=environment
    )
    sandbox = (await repository_judge.sandboxes()).candidate

    [run] = await run_jobs(sandbox, case, {path: (START + HASHES).encode()}, [PytestRun(path)], tool="plain")

    assert [node.partition("::")[2] for node in run.passed] == passed
