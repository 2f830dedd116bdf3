"""Patches that attack the judging itself rather than the task: none of them passes."""

from pathlib import Path

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import sections
from tests.benchmarks.judge.patches import diff

pytestmark = pytest.mark.asyncio(loop_scope="session")

BASE = {"stack.py": "class Stack:\n    def __init__(self): self.items = []\n"}
GOLD = {"stack.py": BASE["stack.py"] + "    def top(self): return self.items[-1]\n"}
TESTS = {
    "tests/test_stack.py": (
        "import unittest\nimport stack\n\n\nclass Mine(stack.Stack):\n    pass\n\n\n"
        "def test_top():\n    one = Mine()\n    one.items += [4, 7]\n    assert one.top() == 7\n\n\n"
        "class StackTest(unittest.TestCase):\n    def test_again(self):\n        one = Mine()\n"
        "        one.items.append(5)\n        self.assertEqual(one.top(), 5)\n"
    )
}
CASE = RepositoryCase(
    id="hostile",
    prompt="",
    files={path: text.encode() for path, text in BASE.items()},
    hidden_tests=TESTS,
    gold_patch=diff(BASE, GOLD),
    timeout_s=5,
)
PATCHES = sections(Path(__file__).parent / "hostile_patches.txt")
"""Files of each patch, each after a line `+++ path`."""
WRONG = "    def top(self): return 0\n"


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


def patch(text: str) -> str:
    """What stands after the base's class in stack.py (`WRONG` stands for a wrong method), and other files."""
    files = {"stack.py": BASE["stack.py"] + WRONG}
    for part in text.split("+++ ")[1:]:
        path, _, content = part.partition("\n")
        files[path] = BASE["stack.py"] + content.replace("WRONG\n", WRONG) if path == "stack.py" else content
    return diff(BASE, files)


@pytest.mark.slow
@pytest.mark.parametrize("name", PATCHES)
async def test_a_hostile_patch_does_not_pass(judge: Judge, name: str) -> None:
    wall_s = 3 if name == "stops itself" else None
    verdict = await judge.judge(CASE.model_copy(update={"wall_s": wall_s}), patch(PATCHES[name]))

    assert (
        verdict.strength,
        verdict.verdict in ("failed", "error", "tampered", "suspicious", "timeout"),
    ) == (
        "decoyed",
        True,
    )
    assert verdict.detail


@pytest.mark.slow
async def test_the_right_patch_passes_after_all_of_them(judge: Judge) -> None:
    assert (await judge.judge(CASE, diff(BASE, GOLD))).verdict == "passed"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "--- a/../out.py\n+++ b/../out.py\n@@ -0,0 +1 @@\n+x\n",
        "--- /dev/null\n+++ b//etc/x.py\n@@ -0,0 +1 @@\n+x\n",
        "diff --git a/stack.py b/stack.py\nGIT binary patch\nliteral 0\n",
        "diff --git a/x b/../../y\nsimilarity index 100%\nrename from stack.py\nrename to ../../y\n",
    ],
    ids=["above", "absolute", "binary", "renamed out"],
)
async def test_a_patch_that_leaves_the_tree_is_refused(judge: Judge, text: str) -> None:
    verdict = await judge.judge(CASE, text)

    assert (verdict.verdict, "can't be applied" in verdict.detail) == ("error", True)
