"""A task that says itself what a given test expects from now on, and tasks that only seem to."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.render import ending
from coder.verify.ordered_edits import are_ordered
from tests.coder.workspace.test_edited_tests import answer
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

OLD, NEW = "<Money 5>", "Money(5, 'EUR')"
CODE = 'class Money:\n    def __repr__(self):\n        return "{}"\n'
TEST = 'from money import Money\n\n\ndef test_repr():\n    assert repr(Money()) == "{}"\n'
GIVEN, EDITED = TEST.format(OLD), TEST.format(NEW)
SETTINGS = Settings(python=only_pytest(), plan=False, strategy="repair")


def edited(value: str) -> str:
    return TEST.replace('"{}"', value)


@pytest.mark.parametrize(
    ("task", "after"),
    [
        ("repr(Money()) has to be `Money(5, 'EUR')`.", EDITED),
        ("Let repr() give\n\n    Money(5, 'EUR')\n\nfor all amounts.", EDITED),
        ("The new repr is Money(5, 'EUR').", EDITED),
        ('Print "five euros" for it.', edited("'five euros'")),
        ("The text is now:\n\nfive euros and no cents\n", edited("'five euros and no cents'")),
        ("```\n>>> Money()\nMoney(5, 'EUR')\n```", EDITED),
        ("Tidy up.\n\nIt should print\nMoney(5, 'EUR'), as eval() reads it", EDITED),
        ("Give ['amount', 'unit'] as its fields.", edited("['amount', 'unit']")),
        ("Give {'amount': 5} for it.", edited("{'amount': 5}")),
        ("Its code is `12345678` from now on.", edited("12345678")),
    ],
)
def test_a_task_that_gives_the_whole_new_value_orders_the_edit(task: str, after: str) -> None:
    assert are_ordered(task, GIVEN, after)


@pytest.mark.parametrize(
    ("task", "after"),
    [
        ("Mend the repr.", EDITED),
        ("Make repr `Money`.", EDITED),
        ("Make repr `Money(5,'EUR')`.", EDITED),
        ("Change `<Money 5>` to `Money(5, 'EUR')` where it says so.", EDITED),
        ("It must never be `Money(5, 'EUR')`.", EDITED),
        ("It should not print Money(5, 'EUR').", EDITED),
        ("Don't print Money(5, 'EUR') here.", EDITED),
        ("Use the short form rather than `Money(5, 'EUR')`.", EDITED),
        ("Print the amount instead of Money(5, 'EUR').", EDITED),
        ("It wrongly prints Money(5, 'EUR').", EDITED),
        ("repr(Money()) gives `Money(5, 'EUR')`. Expected is what the tests say.", EDITED),
        ("Remove `Money(5, 'EUR')` from the output.", EDITED),
        ("It should stop printing `Money(5, 'EUR')`.", EDITED),
        ("Why do I see `Money(5, 'EUR')`? Find the bug.", EDITED),
        ("For some it is `Money(5, 'EUR')`; it should be as for the others.", EDITED),
        ("The new repr `Money(5, 'EUR')` is what we do not want.", EDITED),
        ("We print `Money(5, 'EUR')` for some.", EDITED),
        ("repr: `Money(5, 'EUR')`, says a user", EDITED),
        ("The repr is XMoney(5, 'EUR')Y.", EDITED),
        ("Return 1 from it.", edited("1")),
        ("Return `True` from it.", edited("True")),
        ("Return `None` from it.", edited("None")),
        ("Print `5 EUR`.", edited("'5 EUR'")),
        ("Print the value of five euros as it was.", edited("'five euros'")),
        ("Return the amount of money in cents.", edited("'the amount of money'")),
        ("Make `        ` the text.", edited("'        '")),
        ("Print `Money(5, 'EUR')`.", EDITED.replace("==", "!=")),
        ("Print `Money(5, 'EUR')`.", EDITED.replace("    assert", "    return\n    assert")),
        ("Print `Money(5, 'EUR')`.", EDITED.replace("def test_repr", "def no_test_repr")),
        ("Print `Money(5, 'EUR')`.", EDITED.replace("repr(Money())", "str(Money())")),
        ("Print `Money(5, 'EUR')`.", EDITED + "\n\ndef test_more():\n    pass\n"),
        ("Print `Money(5, 'EUR')`.", "import pytest\n" + EDITED),
        ("Print `Money(5, 'EUR')`.", EDITED.replace("assert ", "assert True or ")),
        ("Print `Money(5, 'EUR')`.", TEST.replace('"{}"', "repr(Money())")),
        ("Print `Money(5, 'EUR')`.", TEST.replace('repr(Money()) == "{}"', "\"Money(5, 'EUR')\"")),
        ("Print `Money(5, 'EUR')`.", EDITED.replace("repr(Money())", "\"Money(5, 'EUR')\"")),
        ("Print `Money(5, 'EUR')`.", GIVEN),
        ("Print `Money(5, 'EUR')`.", "def broken(:\n"),
    ],
)
def test_a_task_that_does_not_orders_nothing(task: str, after: str) -> None:
    assert not are_ordered(task, GIVEN, after)


def test_a_value_that_is_ordered_once_orders_no_second_edit_of_another_value() -> None:
    more = "\n\ndef test_name():\n    assert Money().name == {}\n"
    task, test_source = f"The new repr is `{NEW}`.", GIVEN + more.format("'five euros'")

    assert are_ordered(task, test_source, EDITED + more.format("'five euros'"))
    assert not are_ordered(task, test_source, EDITED + more.format(repr(NEW)))


async def work(folder: Path, *, is_users: bool = True, prompt: str = f"The new repr is `{NEW}`.") -> Run:
    (folder / "money.py").write_text(CODE.format(OLD))
    (folder / "test_money.py").write_text(GIVEN)
    task = Task(prompt=prompt, workspace=folder, test_command=("pytest", "-q"), is_users=is_users)
    model = Scripted([answer(money__py=CODE.format(NEW), test_money__py=EDITED)])
    return await solve(task, model=model, settings=SETTINGS, log=MemoryLog())


@pytest.mark.slow
async def test_a_task_that_orders_what_a_given_test_forbids_lands_with_the_test(tmp_path: Path) -> None:
    run = await work(tmp_path)

    names = ("test_money.py::test_repr",)
    assert (run.status, run.verified, run.exit_code) == ("solved", "reproduced", 0)
    assert (run.ordered, run.reproduced_by, run.contradicts) == (names, names, ())
    assert set(run.landed) == {"money.py", "test_money.py"}
    assert (tmp_path / "test_money.py").read_text() == EDITED
    summary = "\n".join(ending(run))
    assert "the task changes what these tests expect: test_money.py::test_repr" in summary


@pytest.mark.slow
@pytest.mark.parametrize(("is_users", "prompt"), [(False, f"The new repr is `{NEW}`."), (True, "Mend it.")])
async def test_anothers_words_and_a_task_that_orders_nothing_leave_it_unverified(
    tmp_path: Path, is_users: bool, prompt: str
) -> None:
    run = await work(tmp_path, is_users=is_users, prompt=prompt)

    assert (run.status, run.exit_code, run.landed, run.ordered) == ("unverified", 8, (), ())
    assert run.contradicts == run.reproduced_by == ("test_money.py::test_repr",)
