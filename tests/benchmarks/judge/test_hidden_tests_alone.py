"""Repositories that have hidden tests and nothing else: no patch of their own, and no names of tests."""

import venv
from pathlib import Path

import pytest

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.patches import diff

pytestmark = pytest.mark.asyncio(loop_scope="session")

BASE = {"sums.py": "def total(xs):\n    return 0\n"}
GOOD = {"sums.py": "def total(xs):\n    return sum(xs)\n"}
TESTS = {
    "test_sums.py": (
        "import sys\nimport pytest\nfrom sums import total\n\n\n"
        "def test_none():\n    assert total([]) == 0\n\n\n"
        "def test_some():\n    assert total([1, 2]) == 3\n\n\n"
        "@pytest.mark.skipif(sys.platform != 'win32', reason='of Windows')\n"
        "def test_elsewhere():\n    assert False\n"
    ),
    "test_more.py": "from sums import total\n\n\ndef test_more():\n    assert total([4]) == 4\n",
}


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


def sums(**more: object) -> RepositoryCase:
    fields: dict[str, object] = {
        "id": "sums",
        "prompt": "Add them up.",
        "files": {path: text.encode() for path, text in BASE.items()},
        "hidden_tests": TESTS,
        "timeout_s": 20,
    }
    return RepositoryCase.model_validate(fields | more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (GOOD["sums.py"], "passed"),
        (BASE["sums.py"] + "\n", "failed"),
        ("def total(xs):\n    return 3 if len(xs) == 2 else 0\n", "failed"),
        ("import pytest\ndef total(xs):\n    pytest.skip('not here')\n", "failed"),
        ("import pytest\npytest.skip('not here', allow_module_level=True)\n", "failed"),
        ("import os\nos._exit(0)\n", "failed"),
    ],
)
async def test_all_hidden_tests_have_to_pass_and_the_verdict_is_weak(
    judge: Judge, module: str, expected: str
) -> None:
    verdict = await judge.judge(sums(), diff(BASE, {"sums.py": module}))

    assert (verdict.verdict, verdict.strength) == (expected, "weak"), verdict.detail


@pytest.mark.slow
async def test_where_the_base_passes_them_nobody_is_judged(judge: Judge) -> None:
    done = sums(id="done", files={path: text.encode() for path, text in GOOD.items()})

    assert (await judge.judge(done, "")).verdict == "infrastructure"


@pytest.mark.slow
async def test_what_the_interpreter_lacks_is_known_before_anything_is_judged(
    judge: Judge, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    two = (sums(), sums(id="other", dependencies=("pytest>=7", "no-such-package>=1")))
    suite = Suite(name="two", version="1", cases=two)

    async with open_judge(suite, python=tmp_path / "bare" / "bin" / "python") as bare:
        lacking = await bare.lacking(suite)
        unjudged = await bare.judge(sums(), diff(BASE, GOOD))

    assert lacking == {"pytest": 2, "no-such-package": 1}
    assert await judge.lacking(suite) == {"no-such-package": 1}
    assert (unjudged.verdict, "no pytest" in unjudged.detail) == ("infrastructure", True)
