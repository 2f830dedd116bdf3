"""Tests that an answer writes or edits: new ones land, edits of given ones need the user's word."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import ProgramStarted, parse
from coder.run.events import Event
from coder.run.questions import Decision, Question
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

WRONG = "def price(n):\n    return n\n"
DOUBLE = "def price(n):\n    return 2 * n\n"
TRIPLE = "def price(n):\n    return 3 * n\n"
TEST = "from shop import price\n\n\ndef test_price():\n    assert price(2) == 4\n"
TEST_OF_TRIPLE = TEST.replace("== 4", "== 6")
OTHER = "from shop import price\n\n\ndef test_zero():\n    assert price(0) == 0\n"
PYTEST = Settings(python=only_pytest(), plan=False, strategy="repair")


def answer(**files: str) -> str:
    """Whole files, named with `__` for a dot."""
    blocks = (f"**{name.replace('__', '.')}**\n```python\n{text}```\n" for name, text in files.items())
    return "\n".join(blocks)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder whose tests pass."""
    (tmp_path / "shop.py").write_text(DOUBLE)
    (tmp_path / "test_shop.py").write_text(TEST)
    (tmp_path / "test_other.py").write_text(OTHER)
    return tmp_path


class Person(Unwatched):
    """Somebody at a terminal, with answers ready."""

    def __init__(self, *answers: bool) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.shown: list[str] = []
        self.programs: list[str] = []

    def event(self, event: Event) -> None:
        """Note which programs are run."""
        body = parse(event)
        if isinstance(body, ProgramStarted):
            self.programs.append(body.what)

    def is_there(self, question: Question) -> bool:
        """At the terminal."""
        return True

    async def decide(self, question: Question) -> Decision:
        """Decision."""
        self.asked.append(question.text)
        self.shown.append(question.patch)
        return Decision(decision="yes" if self._answers.pop(0) else "no")


async def work(
    folder: Path,
    answers: Sequence[str],
    *,
    settings: Settings = PYTEST,
    log: MemoryLog | None = None,
    watch: Unwatched | None = None,
) -> Run:
    task = Task(prompt="Change the price.", workspace=folder, test_command=("pytest", "-q"))
    return await solve(task, model=Scripted(answers), settings=settings, log=log or MemoryLog(), watch=watch)


@pytest.mark.slow
async def test_new_test_files_are_run_and_land_with_the_change(shop: Path) -> None:
    (shop / "shop.py").write_text(WRONG)
    new = OTHER.replace("zero", "one").replace("price(0) == 0", "price(1) == 2")

    run = await work(shop, [answer(shop__py=DOUBLE, test_new__py=new)])

    assert (run.status, run.landed) == ("solved", ("shop.py", "test_new.py"))
    assert (shop / "test_new.py").read_text() == new
    assert "test_new.py::test_one" in {line.name for line in run.tests}
    assert "+++ b/test_new.py" in run.patch


@pytest.mark.slow
async def test_a_new_test_that_fails_is_a_failure_of_the_answer(shop: Path) -> None:
    (shop / "shop.py").write_text(WRONG)
    new = OTHER.replace("price(0) == 0", "price(0) == 1")

    run = await work(shop, [answer(shop__py=DOUBLE, test_new__py=new), answer(test_new__py=OTHER)])

    assert (run.status, run.calls) == ("solved", 2)


@pytest.mark.slow
async def test_new_tests_alone_are_no_evidence(shop: Path) -> None:
    run = await work(shop, [answer(shop__py=DOUBLE + "\n\nNAME = 1\n", test_new__py=OTHER)])

    assert (run.status, run.landed) == ("unverified", ())
    assert "+++ b/test_new.py" in run.patch


@pytest.mark.slow
async def test_edits_of_given_tests_are_named_and_left_out(shop: Path) -> None:
    (shop / "shop.py").write_text(WRONG)

    run = await work(shop, [answer(shop__py=DOUBLE, test_shop__py=TEST + OTHER)])

    assert (run.status, run.landed) == ("solved", ("shop.py",))
    assert (run.left_out, run.contradicts) == ({"test_shop.py": "needs_allow"}, ())
    assert "+def test_zero():" in run.test_patch
    assert "test_shop.py" not in run.patch
    assert (shop / "test_shop.py").read_text() == TEST


@pytest.mark.slow
async def test_a_given_test_that_is_repeated_as_it_is_is_no_edit(shop: Path) -> None:
    (shop / "shop.py").write_text(WRONG)

    run = await work(shop, [answer(shop__py=DOUBLE, test_shop__py=TEST)])

    assert (run.status, run.left_out) == ("solved", {})


@pytest.mark.slow
async def test_edits_of_given_tests_land_where_a_pattern_allows_them(shop: Path) -> None:
    allowing = PYTEST.model_copy(update={"allow": ("test_s*",), "accept_unverified": True})

    run = await work(shop, [answer(shop__py=TRIPLE, test_shop__py=TEST_OF_TRIPLE)], settings=allowing)

    assert (run.exit_code, run.landed) == (0, ("shop.py", "test_shop.py"))


@pytest.mark.slow
async def test_what_settings_and_plugins_decide_is_left_out_and_named(shop: Path) -> None:
    (shop / "shop.py").write_text(WRONG)

    run = await work(shop, [answer(shop__py=DOUBLE, conftest__py="collect_ignore = ['test_shop.py']\n")])

    assert (run.status, run.landed) == ("solved", ("shop.py",))
    assert run.left_out == {"conftest.py": "decides"}


@pytest.mark.slow
async def test_what_contradicts_given_tests_ends_at_once_and_lands_nothing(shop: Path) -> None:
    run = await work(shop, [answer(shop__py=TRIPLE, test_shop__py=TEST_OF_TRIPLE)])

    assert (run.status, run.exit_code, run.calls) == ("unverified", 8, 1)
    assert run.reason == "contradicts given tests: test_shop.py::test_price"
    assert run.contradicts == ("test_shop.py::test_price",)
    assert (run.landed, (shop / "shop.py").read_text()) == ((), DOUBLE)
    assert ("+    return 3 * n" in run.patch, "== 6" in run.patch, "== 6" in run.test_patch) == (
        True,
        False,
        True,
    )


@pytest.mark.slow
async def test_a_repair_that_stands_by_its_code_and_edits_the_test_contradicts_it(shop: Path) -> None:
    run = await work(shop, [answer(shop__py=TRIPLE), answer(test_shop__py=TEST_OF_TRIPLE)])

    assert (run.status, run.calls, run.contradicts) == ("unverified", 2, ("test_shop.py::test_price",))
    assert "+    return 3 * n" in run.patch


@pytest.mark.slow
async def test_where_another_given_test_fails_too_it_is_repaired_as_ever(shop: Path) -> None:
    broken = TRIPLE.replace("3 * n", "3 * n + 1")
    edited = TEST_OF_TRIPLE.replace("6", "7")
    watch = Person(False)

    run = await work(
        shop,
        [
            answer(shop__py=broken, test_shop__py=edited),
            answer(shop__py=TRIPLE, test_shop__py=TEST_OF_TRIPLE),
        ],
        watch=watch,
    )

    assert watch.programs == ["verify", "verify", "edited tests"]
    assert (run.calls, run.contradicts) == (2, ("test_shop.py::test_price",))


@pytest.mark.slow
async def test_a_test_that_fails_as_it_is_edited_too_is_repaired_as_ever(shop: Path) -> None:
    wrong = TEST.replace("== 4", "== 5")

    run = await work(
        shop, [answer(shop__py=TRIPLE, test_shop__py=wrong), answer(test_shop__py=TEST_OF_TRIPLE)]
    )

    assert (run.status, run.calls, run.contradicts) == ("unverified", 2, ("test_shop.py::test_price",))


@pytest.mark.slow
async def test_to_accept_the_unverified_is_no_word_for_edits_of_given_tests(shop: Path) -> None:
    log = MemoryLog()
    accepting = PYTEST.model_copy(update={"accept_unverified": True})
    allowing = accepting.model_copy(update={"allow": ("test_shop.py",)})

    refused = await work(
        shop, [answer(shop__py=TRIPLE, test_shop__py=TEST_OF_TRIPLE)], settings=accepting, log=log
    )
    landed = await resume(refused.run_id, model=Scripted([]), settings=allowing, log=log)

    assert (refused.exit_code, refused.landed) == (8, ())
    assert (landed.status, landed.exit_code, landed.calls) == ("unverified", 0, 1)
    assert (shop / "shop.py").read_text() == TRIPLE
    assert (shop / "test_shop.py").read_text() == TEST_OF_TRIPLE


@pytest.mark.slow
async def test_a_person_is_shown_both_parts_and_decides_on_both(shop: Path) -> None:
    watch = Person(True)

    run = await work(shop, [answer(shop__py=TRIPLE, test_shop__py=TEST_OF_TRIPLE)], watch=watch)

    code, _, tests = watch.shown[0].partition("Left out without your word")
    assert ("b/shop.py" in code, "b/test_shop.py" in tests) == (True, True)
    assert watch.asked[0].startswith("It contradicts given tests: test_shop.py::test_price.")
    assert (run.status, run.exit_code, run.landed) == ("unverified", 8, ("shop.py", "test_shop.py"))
    assert (shop / "test_shop.py").read_text() == TEST_OF_TRIPLE


@pytest.mark.slow
async def test_a_person_who_says_no_to_it_has_nothing_written(shop: Path) -> None:
    run = await work(shop, [answer(shop__py=TRIPLE, test_shop__py=TEST_OF_TRIPLE)], watch=Person(False))

    assert (run.status, run.exit_code, run.landed) == ("refused", 7, ())


@pytest.mark.slow
@pytest.mark.parametrize(("says", "landed"), [(True, ("shop.py", "test_shop.py")), (False, ("shop.py",))])
async def test_a_person_is_asked_about_edits_that_the_change_can_do_without(
    shop: Path, says: bool, landed: tuple[str, ...]
) -> None:
    (shop / "shop.py").write_text(WRONG)
    watch = Person(True, says)

    run = await work(shop, [answer(shop__py=DOUBLE, test_shop__py=TEST + OTHER)], watch=watch)

    assert (run.status, run.landed) == ("solved", landed)
    assert watch.asked[1].startswith("Change the given tests, too?")
