"""Repository cases: gold passes, the base and every cheat fail, and each verdict says how strong it is."""

import json
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.judge.candidate_tree import gold_tree
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.mode import RepositoryMode
from benchmarks.judge.pinning import find_repository_mode
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.twin_mode import add_twins
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.verdict import Verdict
from tests.benchmarks.judge.cases import RECORDED, shared
from tests.benchmarks.judge.counting_sandbox import CountingSandbox
from tests.benchmarks.judge.patches import diff

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


BASE = {
    "shop/__init__.py": "",
    "shop/prices.py": "def total(prices, rate=0):\n    return sum(prices)\n",
    "tests/test_prices.py": "from shop.prices import total\n\n\ndef test_sum(): assert total([1]) == 1\n",
}
GOLD = {"shop/prices.py": "def total(prices, rate=0):\n    return round(sum(prices) * (1 + rate), 2)\n"}
HIDDEN = {
    "tests/test_prices.py": (
        "import pytest\nfrom shop.prices import total\n\n\n"
        "def test_sum():\n    assert total([1, 2]) == 3\n\n\n"
        '@pytest.mark.parametrize("rate, expected", [(0.5, 4.5), (0.1, 3.3)])\n'
        "def test_rate(rate, expected):\n    assert total([1, 2], rate) == expected\n"
    )
}
CLASSES = {
    "stack.py": "class Stack:\n    def __init__(self):\n        self.items = []\n\n"
    "    def push(self, item):\n        self.items.append(item)\n",
}
CLASSES_GOLD = {"stack.py": CLASSES["stack.py"] + "\n    def pop(self):\n        return self.items.pop()\n"}
CLASSES_HIDDEN = {
    "test_stack.py": (
        "import unittest\nimport inspect\nimport stack\n\n\n"
        "class StackTest(unittest.TestCase):\n"
        "    def test_pop(self):\n"
        "        class Mine(stack.Stack):\n            pass\n"
        "        one = Mine()\n        one.push(7)\n        one.push(8)\n"
        "        self.assertEqual(one.pop(), 8)\n\n"
        "    def test_push(self):\n"
        "        one = stack.Stack()\n        one.push(1)\n        self.assertEqual(len(one.items), 1)\n"
    )
}


def case(**more: object) -> RepositoryCase:
    """A small package; its values are plain, so that its tests can be kept apart."""
    fields: dict[str, object] = {
        "id": "shop",
        "prompt": "Apply the rate.",
        "files": {path: text.encode() for path, text in BASE.items()},
        "hidden_tests": HIDDEN,
        "gold_patch": diff(BASE, GOLD),
        "timeout_s": 20,
    }
    return RepositoryCase.model_validate(fields | more)


def stack(**more: object) -> RepositoryCase:
    """A class that its tests derive from, which can't be done from outside."""
    return case(
        id="stack",
        files={path: text.encode() for path, text in CLASSES.items()},
        hidden_tests=CLASSES_HIDDEN,
        gold_patch=diff(CLASSES, CLASSES_GOLD),
        **more,
    )


async def judged(
    judge: Judge, one: RepositoryCase, before: dict[str, str], after: Mapping[str, str | None]
) -> Verdict:
    return await judge.judge(one, diff(before, after))


@pytest.mark.slow
async def test_a_package_of_plain_values_is_judged_apart_from_its_tests(judge: Judge) -> None:
    right = await judged(judge, case(), BASE, GOLD)
    wrong = await judged(judge, case(), BASE, {"shop/prices.py": "def total(prices, rate=0): return 3\n"})

    assert (right.verdict, right.strength) == ("passed", "strong")
    assert wrong.verdict == "failed"
    assert "test_rate" in wrong.detail


@pytest.mark.slow
async def test_no_twins_are_searched_where_tests_can_be_isolated(judge: Judge) -> None:
    counting: Any = CountingSandbox((await judge.sandboxes()).candidate)

    mode = await find_repository_mode(counting, judge.judging_sandboxes.lend, case())

    assert mode.how == "isolated"
    assert counting.runs == 2  # the base, and the case's own patch


@pytest.mark.slow
async def test_a_patch_that_sleeps_in_a_test_is_a_timeout(judge: Judge) -> None:
    one = case(timeout_s=1)
    await judge.repository_mode(one)  # in which no limit has to run out
    brief = one.model_copy(update={"wall_s": 1.0})

    slow = await judged(
        judge, brief, BASE, {"shop/prices.py": "import time\ndef total(*_): time.sleep(99)\n"}
    )

    assert (slow.verdict, slow.strength) == ("timeout", "strong")


@pytest.mark.slow
@RECORDED
async def test_a_class_that_tests_derive_from_is_judged_among_decoys(judge: Judge) -> None:
    right = await judged(judge, stack(), CLASSES, CLASSES_GOLD)
    nothing = await judge.judge(stack(), "")

    assert (right.verdict, right.strength, right.detail) == ("passed", "decoyed", "")
    assert nothing.verdict == "failed"


FORGED = (
    "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n"
    "import unittest\nunittest.TestCase.run = lambda self, result=None: None\n"
)


@pytest.mark.slow
async def test_a_patch_that_makes_every_test_pass_makes_the_twins_pass_too(judge: Judge) -> None:
    forged = await judged(judge, stack(), CLASSES, {"stack.py": CLASSES["stack.py"] + FORGED})
    mode = await judge.repository_mode(stack())
    without_twins = mode.model_copy(update={"twins": {}})
    patch = diff(CLASSES, {"stack.py": CLASSES["stack.py"] + FORGED})
    alarmed = await by_mode(judge, stack(), patch, without_twins)
    deaf = without_twins.model_copy(update={"tripped": mode.tripped | {*alarmed.tripped}})
    fooled = await by_mode(judge, stack(), patch, deaf)

    assert (forged.verdict, alarmed.verdict, fooled.verdict) == ("tampered", "suspicious", "passed")
    assert "passed with wrong expectations, too: " in forged.detail


INHERITED = CLASSES_HIDDEN["test_stack.py"].replace("StackTest", "StackRules").replace(
    "(unittest.TestCase)", ""
) + (
    "\n\nclass PlainTest(StackRules, unittest.TestCase):\n    pass\n"
    "\n\nclass OtherTest(StackRules, unittest.TestCase):\n"
    "    def test_push(self):\n        self.assertEqual(len(stack.Stack().items), 0)\n"
)


@pytest.mark.slow
async def test_tests_that_classes_inherit_have_twins_as_others_do(judge: Judge) -> None:
    one = stack().model_copy(update={"id": "heirs", "hidden_tests": {"test_stack.py": INHERITED}})

    right = await judged(judge, one, CLASSES, CLASSES_GOLD)
    forged = await judged(judge, one, CLASSES, {"stack.py": CLASSES["stack.py"] + FORGED})
    nothing = await judge.judge(one, "")

    assert (right.verdict, right.strength, right.detail) == ("passed", "decoyed", "")
    assert forged.verdict == "tampered"
    assert nothing.verdict == "failed"


@pytest.mark.slow
@RECORDED
async def test_a_case_whose_own_patch_fails_judges_nobody(judge: Judge) -> None:
    broken = case(id="broken", gold_patch=diff(BASE, {"shop/prices.py": "def total(*_): return 0\n"}))

    verdict = await judge.judge(broken, diff(BASE, GOLD))

    assert verdict.verdict == "infrastructure"
    assert "own patch fails" in verdict.detail


@pytest.mark.slow
@RECORDED
async def test_a_case_whose_base_passes_judges_nobody(judge: Judge) -> None:
    tree = {path: text.encode() for path, text in {**BASE, **GOLD}.items()}
    done = case(id="done", files=tree, gold_patch="")

    assert "passes already" in (await judge.judge(done, "")).detail


@pytest.mark.slow
@pytest.mark.parametrize("patch", ["no patch", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"])
async def test_a_patch_that_does_not_fit_is_an_error_of_its_author(judge: Judge, patch: str) -> None:
    verdict = await judge.judge(case(), patch)

    assert verdict.verdict == "error"
    assert "can't be applied" in verdict.detail


@pytest.mark.parametrize("path", ["shop/prices.py/x.py", "shop", "x" * 300, "d/" * 2100 + "x"])
@pytest.mark.parametrize("own", [{}, {"id": "weak", "gold_patch": None}], ids=["apart", "together"])
async def test_a_patch_whose_tree_no_folder_can_hold_is_an_error_and_ends_no_run(
    judge: Judge, path: str, own: dict[str, object]
) -> None:
    verdict = await judge.judge(case(**own), diff({}, {path: "x = 1\n"}))

    assert verdict.verdict == "error"
    assert "can't be applied" in verdict.detail


async def test_a_case_whose_tree_no_folder_can_hold_judges_nobody(judge: Judge) -> None:
    tree = {path: text.encode() for path, text in {**BASE, "shop/prices.py/x.py": ""}.items()}

    verdict = await judge.judge(case(id="twofold", files=tree), "")

    assert verdict.verdict == "infrastructure"
    assert "Not a directory" in verdict.detail


async def test_tests_and_their_configuration_stay_as_the_case_has_them(judge: Judge) -> None:
    also = {
        **GOLD,
        "tests/test_prices.py": "def test_sum(): pass\n",
        "conftest.py": "raise SystemExit\n",
        "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    }

    assert (await judged(judge, case(), BASE, also)).verdict == "passed"


def shared_cases() -> list[tuple[RepositoryCase, str, str]]:
    """Case, the cheat's patch, the honest patch."""
    cases = []
    for line in shared("cheats.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] != "pytest":
            continue
        task = record["task"]
        honest = diff(task["files"], task["honest_files"])
        one = RepositoryCase(
            id=record["id"],
            prompt="",
            files={path: text.encode() for path, text in task["files"].items()},
            executable=tuple(task["executable"]),
            hidden_tests=task["hidden_tests"],
            gold_patch=honest,
            environment=task["env"],
            timeout_s=20,
        )
        cases.append((one, diff(task["files"], task["patch_files"]), honest))
    return cases


@pytest.mark.slow
async def test_every_shared_cheat_is_rejected_and_every_honest_patch_accepted(judge: Judge) -> None:
    accepted, refused, modes = [], [], {}

    for one, cheat, honest in shared_cases():
        key = json.dumps([sorted(map(str, one.files.items())), one.hidden_tests, honest])
        if key not in modes:  # many cheats are at the same case
            modes[key] = await judge.repository_mode(one)
            verdict = await by_mode(judge, one, honest, modes[key])
            refused += [verdict] if (verdict.verdict, verdict.strength) != ("passed", "strong") else []
        if (await by_mode(judge, one, cheat, modes[key])).verdict == "passed":
            accepted.append(one.id)

    assert (accepted, refused) == ([], [])


@pytest.mark.slow
async def test_every_shared_cheat_is_rejected_among_decoys_too(judge: Judge) -> None:
    accepted, refused, modes = [], [], {}
    box = (await judge.sandboxes()).candidate

    for one, cheat, honest in shared_cases():
        key = json.dumps([sorted(map(str, one.files.items())), one.hidden_tests, honest])
        if key not in modes:
            pinned = await judge.repository_mode(one)
            modes[key] = await add_twins(box, one, gold_tree(one), pinned, {})
            verdict = await by_mode(judge, one, honest, modes[key])
            refused += [verdict] if (verdict.verdict, verdict.strength) != ("passed", "decoyed") else []
        if (await by_mode(judge, one, cheat, modes[key])).verdict == "passed":
            accepted.append(one.id)

    assert (accepted, refused) == ([], [])


async def by_mode(judge: Judge, one: RepositoryCase, patch: str, mode: RepositoryMode) -> Verdict:
    """The verdict of another way of judging than the case's own."""
    box = (await judge.sandboxes()).candidate
    judged = await judge_repository(box, judge.judging_sandboxes.lend, one, patch, mode)
    return judged.verdict(one.id, 0, mode.strength, apart=True)


@pytest.mark.slow
@RECORDED
async def test_a_twin_that_ends_the_process_does_not_cost_the_others(judge: Judge) -> None:
    text = CLASSES_HIDDEN["test_stack.py"].replace(
        "self.assertEqual(one.pop(), 8)", "assert 3 == one.only(3)"
    )
    ending = "\n    def only(self, n):\n        import os\n        return n if n == 3 else os._exit(1)\n"
    gold = {"stack.py": CLASSES_GOLD["stack.py"] + ending}
    one = stack().model_copy(
        update={"id": "ending", "hidden_tests": {"test_stack.py": text}, "gold_patch": diff(CLASSES, gold)}
    )

    mode = await judge.repository_mode(one)

    assert mode.how == "decoyed"
    assert list(mode.twins["test_stack.py"]["StackTest::test_pop"]) == list(
        range(6, 12)
    )  # of the second place


@pytest.mark.slow
@RECORDED
async def test_tests_that_pass_apart_only_file_by_file_are_not_judged_apart(judge: Judge) -> None:
    base = {
        "shop.py": "seen = []\n\n\ndef total(prices, rate=0):\n    seen.append(1)\n    return sum(prices)\n"
    }
    base["shop.py"] += "\n\ndef count():\n    return len(seen)\n"
    gold = {"shop.py": base["shop.py"].replace("sum(prices)", "sum(prices) * (1 + rate)")}
    hidden = {
        "test_a.py": "import shop\n\n\ndef test_rate():\n    assert shop.total([1, 2], 0.5) == 4.5\n",
        "test_b.py": "import shop\n\n\ndef test_count():\n    assert shop.count() == 0\n",
    }
    files = {path: text.encode() for path, text in base.items()}
    one = case(id="state", files=files, hidden_tests=hidden, gold_patch=diff(base, gold))

    mode = await judge.repository_mode(one)
    verdict = await by_mode(judge, one, diff(base, gold), mode)

    assert (mode.how, verdict.verdict) == ("decoyed", "passed")


@pytest.mark.slow
@RECORDED
async def test_a_package_that_the_interpreter_lacks_is_named(judge: Judge) -> None:
    tests = {path: f"import nowhere_to_be_had\n{text}" for path, text in HIDDEN.items()}
    lacking = case(id="lacking", hidden_tests=tests, dependencies=("pytest>=7", "nowhere-to-be-had[x]<3"))

    verdict = await judge.judge(lacking, diff(BASE, GOLD))

    assert verdict.verdict == "infrastructure"
    assert "has no nowhere-to-be-had, which" in verdict.detail
    assert "--python" in verdict.detail


@pytest.mark.slow
async def test_an_interpreter_without_pytest_is_said_to_have_none(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    suite = Suite(name="repositories", version="1", cases=(case(),))

    async with open_judge(suite, python=tmp_path / "bare/bin/python") as judge:
        verdict = await judge.judge(case(), diff(BASE, GOLD))

    assert verdict.verdict == "infrastructure"
    assert verdict.detail.startswith("the interpreter has no pytest")
    assert "--python" in verdict.detail


@pytest.mark.slow
@RECORDED
async def test_where_the_own_patch_fails_among_the_twins_they_are_left_out(judge: Judge) -> None:
    text = CLASSES_HIDDEN["test_stack.py"] + (
        "\n\ndef test_file():\n"
        "    found = open(__file__).read().count('def test_')\n"
        "    assert found == 4 or found > 15\n"  # as given, and with all the twins that are tried at first
    )
    choosy = stack().model_copy(update={"id": "choosy", "hidden_tests": {"test_stack.py": text}})

    mode = await judge.repository_mode(choosy)
    verdict = await judge.judge(choosy, diff(CLASSES, CLASSES_GOLD))

    assert (mode.how, verdict.verdict, verdict.strength) == ("plain", "passed", "weak")


OBJECTS = {"bag.py": "class Bag:\n    def __init__(self, items): self.items = list(items)\n"}
COUNTS = OBJECTS["bag.py"] + "    def count(self, item): return self.items.count(item)\n"
BAG_TEST = "from bag import Bag\n\n\ndef test_count():\n    assert Bag('abca').count('a') == 2\n"
BAG_EQUAL = "\n\ndef test_equal():\n    assert Bag('ab') == Bag('ab')\n"
EQUAL = "    def __eq__(self, other): return sorted(self.items) == sorted(other.items)\n"


def bag(tests: str, gold: str, name: str) -> RepositoryCase:
    """A class of objects which cross as handles."""
    return case(
        id=name,
        files={path: text.encode() for path, text in OBJECTS.items()},
        hidden_tests={"test_bag.py": tests},
        gold_patch=diff(OBJECTS, {"bag.py": gold}),
    )


@pytest.mark.slow
async def test_objects_that_tests_only_use_are_judged_apart(judge: Judge) -> None:
    right = await judged(judge, bag(BAG_TEST, COUNTS, "bag"), OBJECTS, {"bag.py": COUNTS})
    liar = (
        COUNTS + "class Any(int):\n    def __eq__(self, other): return True\nBag.count = lambda *_: Any(0)\n"
    )
    wrong = await judged(judge, bag(BAG_TEST, COUNTS, "bag"), OBJECTS, {"bag.py": liar})

    assert (right.verdict, right.strength) == ("passed", "strong")
    assert wrong.verdict == "failed"


@pytest.mark.slow
@RECORDED
async def test_objects_that_tests_compare_are_judged_among_decoys_and_the_rest_apart_too(
    judge: Judge,
) -> None:
    one = bag(BAG_TEST + BAG_EQUAL, COUNTS + EQUAL, "equal")

    right = await judged(judge, one, OBJECTS, {"bag.py": COUNTS + EQUAL})
    mode = await judge.repository_mode(one)

    assert (right.verdict, right.strength) == ("passed", "decoyed")
    assert mode.apart == ("test_bag.py::test_count",)
    assert "test_bag.py::test_equal can't be decided apart" in mode.reason


ONLY_BESIDE = (
    "import sys\n"
    "class Bag:\n"
    "    def __init__(self, items): self.items = list(items)\n"
    "    def count(self, item): return self.items.count(item) * ('_pytest.python' in sys.modules)\n" + EQUAL
)


@pytest.mark.slow
async def test_an_answer_that_passes_only_beside_its_tests_is_suspicious(judge: Judge) -> None:
    one = bag(BAG_TEST + BAG_EQUAL, COUNTS + EQUAL, "equal")
    mode = await judge.repository_mode(one)
    patch = diff(OBJECTS, {"bag.py": ONLY_BESIDE})

    verdict = await by_mode(judge, one, patch, mode)
    without = await by_mode(judge, one, patch, mode.model_copy(update={"apart": ()}))

    assert (verdict.verdict, without.verdict) == ("suspicious", "passed")
    assert "apart from them not: test_bag.py::test_count" in verdict.detail


async def test_a_run_of_tests_has_twice_its_processor_time_and_ten_seconds_or_what_the_case_says() -> None:
    assert case(timeout_s=300).tests_wall_s() == 610
    assert case(timeout_s=300).tests_wall_s(20) == 50
    assert case(wall_s=3).tests_wall_s(20) == 3
