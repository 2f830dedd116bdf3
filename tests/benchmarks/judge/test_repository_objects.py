"""What a patch may do with objects of the tests: apart from them, what the case's own patch does."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.judge.repository import judge_repository
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import case_id
from tests.benchmarks.judge.patches import diff

pytestmark = pytest.mark.asyncio(loop_scope="session")

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


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


def job(tests: dict[str, str], gold: dict[str, str]) -> RepositoryCase:
    return RepositoryCase.model_validate(
        {
            "id": case_id(tests, gold),
            "prompt": "Run the job.",
            "files": {path: text.encode() for path, text in BASE.items()},
            "hidden_tests": tests,
            "gold_patch": diff(BASE, gold),
            "timeout_s": 20,
        }
    )


@pytest.mark.slow
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
    judged = await judge_repository(pair.candidate, judge.judging_sandboxes.lend, case, patch, mode)

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


ITEMS = {"job.py": "def run(n):\n    return list(range(n))\n"}
OWN = (
    "class Items:\n    def __init__(self, items): self.items = items\n    def __len__(self): return 3\n"
    "    def __eq__(self, other): return {}\ndef run(n): return Items([*range(n)])\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("equals", "expected"),
    [("self.items == other", ("passed", "weaker")), ("True", ("failed", "strong"))],
    ids=["by its items", "everything"],
)
async def test_an_equality_of_an_answers_own_counts_as_weaker_if_it_tells_values_apart(
    judge: Judge, equals: str, expected: tuple[str, str]
) -> None:
    tests = {"test_job.py": "import job\n\n\ndef test_run():\n    assert job.run(3) == [0, 1, 2]\n"}

    verdict = await judge.judge(job(tests, ITEMS), diff(BASE, {"job.py": OWN.format(equals)}))

    assert (verdict.verdict, verdict.strength) == expected, verdict.detail
    assert "its class Items decides by __eq__ whether it is like list" in verdict.detail


DATA = {"lib/__init__.py": "", "lib/area.py": "def area(r): pass\n", "lib/data.py": "AREAS = {1: 3, 2: 12}\n"}
AREAS = {
    "test_lib.py": (
        "from lib.area import area\nfrom lib.data import AREAS\n\n\n"
        "def test_area():\n    assert all(area(r) == AREAS[r] for r in AREAS)\n"
    )
}
RIGHT = {"lib/area.py": "def area(r):\n    return 3 * r * r\n"}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({**RIGHT, "lib/data.py": "AREAS = {1: 3, 2: 12}\nNAMES = ['small', 'large']\n"}, "strong"),
        ({"lib/area.py": "def area(r): return 0\n", "lib/data.py": "AREAS = {1: 0}\n"}, "weaker"),
    ],
    ids=["more data", "other data"],
)
async def test_a_patch_that_changes_data_which_the_tests_read_is_weaker_and_the_reason_names_it(
    judge: Judge, patch: dict[str, str], expected: str
) -> None:
    case = job(AREAS, RIGHT).model_copy(update={"files": {path: one.encode() for path, one in DATA.items()}})
    case = case.model_copy(update={"id": "areas", "gold_patch": diff(DATA, RIGHT)})

    verdict = await judge.judge(case, diff(DATA, patch))

    assert (verdict.verdict, verdict.strength) == ("passed", expected), verdict.detail
    assert ("lib.data.AREAS" in verdict.detail) is (expected == "weaker")


GOLD_NUMBER = {"job.py": "def run(n): return n\n"}
NODE = (
    "class Node:\n    def __init__(self, n): self.n = n\n    @property\n    def next(self):\n"
    "        return Node(self.n - 1) if {} else None\ndef run(n): return Node(n)\n"
)


DEPTH = {
    "test_job.py": (
        "import job, pytest\n\n\ndef depth(node):\n    return depth(node.next) + 1 if node else 0\n\n\n"
        "def test_depth():\n    assert depth(job.run(3)) == 4\n"
    )
}


@pytest.mark.slow
async def test_an_endless_recursion_of_a_test_is_its_failure_and_compares_no_objects(judge: Judge) -> None:
    endless = diff(BASE, {"job.py": NODE.format("True")})
    verdict = await judge.judge(job(DEPTH, {"job.py": NODE.format("self.n")}), endless)

    assert (verdict.verdict, verdict.strength) == ("failed", "strong")
    assert "test_depth" in verdict.detail
    assert "RecursionError" in verdict.detail


@pytest.mark.slow
async def test_a_failure_of_pytest_itself_says_what_failed(judge: Judge) -> None:
    hook = "def pytest_runtest_logreport(report):\n    import job\n    1 / job.run(3)\n"
    tests = {
        "tests/conftest.py": hook,
        "tests/test_job.py": "import job, pytest\n\n\ndef test_run(): job.run(3)\n",
    }

    verdict = await judge.judge(job(tests, GOLD_NUMBER), diff(BASE, {"job.py": "def run(n): return 0\n"}))

    assert (verdict.verdict, verdict.strength) == ("failed", "strong")
    assert "pytest ended with code 3, since a hook failed: ZeroDivisionError" in verdict.detail
