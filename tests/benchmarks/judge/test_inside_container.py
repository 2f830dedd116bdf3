"""In the container around us candidate and checker stand side by side, and a verdict says so."""

import pytest

from benchmarks.judge.judge import open_judge
from benchmarks.suite import Suite
from tests.benchmarks.judge.cases import case
from tests.system_python import SYSTEM_PYTHON

SQUARE = "def f(n):\n    return n * n\n"
CASE = case("assert candidate(2) == 4", SQUARE, timeout_s=3)


@pytest.mark.slow
@pytest.mark.usefixtures("allowed_host")
@pytest.mark.parametrize(("backend", "strength"), [("bubblewrap", "strong"), ("container", "weaker")])
async def test_a_verdict_of_sandboxes_that_share_a_container_is_a_weaker_one(
    backend: str, strength: str
) -> None:
    suite = Suite(name="small", version="1", cases=(CASE,))
    async with open_judge(suite, backend=backend, python=SYSTEM_PYTHON) as judge:
        right = await judge.judge(CASE, SQUARE)
        wrong = await judge.judge(CASE, SQUARE.replace("*", "+ 1 +"))

    assert (right.verdict, right.strength) == ("passed", strength)
    assert (wrong.verdict, wrong.strength) == ("failed", strength)
