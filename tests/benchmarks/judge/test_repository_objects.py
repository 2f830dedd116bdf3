"""What a patch may do with objects of the tests: apart from them, what the case's own patch does."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.repository import judge_repository
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = {"job.py": "def run(job):\n    raise NotImplementedError\n"}
GOLD = {"job.py": "def run(job):\n    job.got = job.given ** 2\n"}
STUB = {
    "test_job.py": (
        "from job import run\n\n\nclass Job:\n    given, want, got = 3, 9, None\n\n\n"
        "def test_run():\n    job = Job()\n    run(job)\n    assert job.got == job.want\n"
    )
}
TELLS = {"job.py": "def run(job):\n    job.tell(9)\n"}
MOCK = {
    "test_job.py": (
        "from unittest.mock import Mock\nfrom job import run\n\n\n"
        "def test_run():\n    job = Mock()\n    run(job)\n    job.tell.assert_called_once_with(9)\n"
    )
}
SETS_MOCK = {
    "test_job.py": MOCK["test_job.py"].replace("job.tell.assert_called_once_with(9)", "assert job.got")
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncIterator[Judge]:
    suite = Suite(name="repositories", version="1", cases=(job(STUB, GOLD),))
    async with open_judge(suite, python=only_pytest()) as judge:
        yield judge


def job(tests: dict[str, str], gold: dict[str, str]) -> RepositoryCase:
    return RepositoryCase.model_validate(
        {
            "id": f"job-{abs(hash((str(tests), str(gold))))}",
            "prompt": "Run the job.",
            "files": {path: text.encode() for path, text in BASE.items()},
            "hidden_tests": tests,
            "gold_patch": diff(BASE, gold),
            "timeout_s": 20,
        }
    )


@pytest.mark.parametrize(
    ("case", "body", "expected"),
    [
        (job(STUB, GOLD), "n = job.given\n    job.got = n * n", "passed"),
        (job(STUB, GOLD), "job.got = job.want", "failed"),
        (job(STUB, GOLD), "job.want = job.got = 0", "failed"),
        (job(MOCK, TELLS), "told = 3 * 3\n    job.tell(told)", "passed"),
        (job(MOCK, TELLS), "job.tell.assert_called_once_with = job.tell", "failed"),
    ],
)
async def test_a_patch_does_no_more_with_a_tests_object_than_the_cases_own(
    judge: Judge, case: RepositoryCase, body: str, expected: str
) -> None:
    verdict = await judge.judge(case, diff(BASE, {"job.py": f"def run(job):\n    {body}\n"}))

    assert (verdict.verdict, verdict.strength) == (expected, "strong"), verdict.detail


async def test_without_that_record_a_patch_takes_what_a_test_expects(judge: Judge) -> None:
    case = job(STUB, GOLD)
    mode = (await judge.repository_mode(case)).model_copy(update={"uses": None})
    patch = diff(BASE, {"job.py": "def run(job):\n    job.got = job.want\n"})

    pair = await judge.sandboxes()
    judged = await judge_repository(pair.candidate, opened, case, patch, mode)

    assert judged.outcome == "passed"


@pytest.mark.slow
async def test_a_patch_that_sets_a_mock_is_not_judged_apart(judge: Judge) -> None:
    case = job(SETS_MOCK, {"job.py": "def run(job):\n    job.got = True\n"})

    mode = await judge.repository_mode(case)

    assert mode.how in ("decoyed", "plain")
    assert mode.apart == ()


async def test_a_patch_may_bring_a_module_that_is_named_like_a_test(judge: Judge) -> None:
    files = {
        "job.py": "from test_data import POWER\n\ndef run(job):\n    job.got = job.given ** POWER\n",
        "test_data.py": "POWER = 2\n",
    }

    verdict = await judge.judge(job(STUB, GOLD), diff(BASE, files))

    assert (verdict.verdict, verdict.strength) == ("passed", "strong"), verdict.detail
