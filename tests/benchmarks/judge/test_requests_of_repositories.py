"""Each answer of a package that differs from that of the case's own patch is weighed by itself."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.patches import diff

pytestmark = pytest.mark.asyncio(loop_scope="session")

BASE = {"pages.py": "def pages(n):\n    raise NotImplementedError\n"}
GOLD = {"pages.py": "def pages(n):\n    return [{'name': f'p{i}'} for i in range(n)]\n"}
TEST = """from pages import pages


def test_pages():
    names = [page["name"] for page in pages(3)]
    assert "p1" in names
    assert "p2" in names
"""


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


@pytest.mark.slow
@pytest.mark.parametrize(
    ("items", "strength"),
    [
        ("[{'name': f'p{i}', 'id': i} for i in range(n)]", "strong"),
        ("[{'name': f'p{i}'} for i in range(99)]", "weaker"),
    ],
    ids=["other items", "items for any question"],
)
async def test_a_list_that_holds_whatever_tests_look_for_is_weaker(
    judge: Judge, items: str, strength: str
) -> None:
    case = RepositoryCase.model_validate(
        {
            "id": "pages",
            "prompt": "List the pages.",
            "files": {path: text.encode() for path, text in BASE.items()},
            "hidden_tests": {"test_pages.py": TEST},
            "gold_patch": diff(BASE, GOLD),
            "timeout_s": 20,
        }
    )

    verdict = await judge.judge(case, diff(BASE, {"pages.py": f"def pages(n):\n    return {items}\n"}))

    assert (verdict.verdict, verdict.strength) == ("passed", strength), verdict.detail
