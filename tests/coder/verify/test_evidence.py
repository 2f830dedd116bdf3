"""What an answer's own tests, or its check, show where nothing given does: the evidence of a run."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from coder.engine.participants.coder import Coder
from coder.engine.participants.participant import Participant
from coder.engine.turn.turn import Turn
from coder.models.scripted import Scripted
from coder.run.event_types import ProgramFinished, ProgramStarted, parse
from coder.run.message import Message
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task
from coder.verify.additions import find_additions
from coder.verify.test_command import Proof, run_tests
from sandbox import Limits, Policy, Program, Result, Sandbox, open_sandbox
from tests.coder.workspace.test_edited_tests import answer
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.programs import require_toolchain
from tests.recorded_runs import RECORDED
from tests.sandbox_pool import open_kept

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

PYTEST = Settings(plan=False, edit_format="whole", budget=Budget(samples=1, max_calls=1))
WRONG = "def price(n):\n    return n\n\n\ndef rebate(n):\n    return {}[n]\n"
RIGHT = WRONG.replace("return n\n", "return 2 * n\n").replace("{}[n]", "0")
TOTAL = "\n\ndef total():\n    return 0\n"
GIVEN = "from shop import price\n\n\ndef test_zero():\n    assert price(0) == 0\n"
RED = "from shop import price\n\n\ndef test_two():\n    assert price(2) == 4\n"
GREEN = RED.replace("price(2) == 4", "price(0) == 0")
RAISING = "from shop import rebate\n\n\ndef test_two():\n    rebate(2)\n"
LIBRARY = """import statistics
from shop import price


def test_two():
    statistics.mean([1] * (price(1) - 1))
"""
PATCHED = "import shop\n\n\ndef test_two(monkeypatch):\n    monkeypatch.setattr('shop.total', len)\n"

FLAKY = """from shop import price

ran = []


def test_one():
    ran.append(1)


def test_two():
    assert price(2) == 4 or not ran
"""
NOT_THERE = RED.replace("    assert", "    import shop\n    shop.total()\n    assert")
UNKNOWN = RED.replace("    assert", "    len(2) if price(2) == 2 else 0\n    assert")
UNITTEST = """import unittest
import shop


class Case(unittest.TestCase):
    def test_it(self):
        self.assertEqual(shop.price({0}), {0} * 2)
"""
DATA = """
**tests/test_two.py**
```python
from shop import price


def test_two():
    assert price(2) == int(open("tests/two.txt").read())
```

**tests/two.txt**
```
4
```
"""
IN_A_FIXTURE = """import pytest
from shop import price


@pytest.fixture
def four():
    assert price(2) == 4


def test_two(four):
    assert price(1) == 2
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder whose tests pass."""
    (tmp_path / "shop.py").write_text(WRONG)
    (tmp_path / "test_shop.py").write_text(GIVEN)
    return tmp_path


async def work(
    shop: Path,
    *answers: str,
    settings: Settings = PYTEST,
    log: MemoryLog | None = None,
    command: str = "pytest -q",
) -> Run:
    given = tuple(command.split()) or None
    task = Task(prompt="Mend the price.", workspace=shop, test_command=given)
    return await solve(task, model=Scripted(answers), settings=settings, log=log or MemoryLog())


@pytest.mark.slow
async def test_a_new_test_that_fails_without_the_change_solves_the_task(shop: Path) -> None:
    run = await work(shop, answer(shop__py=RIGHT, test_two__py=RED))

    assert (run.status, run.verified, run.strength, run.exit_code) == ("solved", "reproduced", "inside", 0)
    assert run.reproduced_by == ("test_two.py::test_two",)
    assert run.reason == "reproduced: test_two.py::test_two failed without the change and passed with it"
    assert set(run.landed) == {"shop.py", "test_two.py"}


@pytest.mark.slow
@pytest.mark.parametrize("new", [RAISING, LIBRARY], ids=["through the code", "by what a library is given"])
async def test_an_exception_that_the_code_causes_reproduces_too(shop: Path, new: str) -> None:
    run = await work(shop, answer(shop__py=RIGHT, test_two__py=new))

    assert (run.status, run.verified) == ("solved", "reproduced")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "name"),
    [("python -m unittest", "test_two.Case.test_it"), ("pytest -q", "test_two.py::Case::test_it")],
)
async def test_so_does_a_new_test_of_unittest(shop: Path, command: str, name: str) -> None:
    (shop / "test_shop.py").write_text(UNITTEST.format(0))
    new = UNITTEST.format(2)

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=new), command=command)

    assert (run.status, run.reproduced_by) == ("solved", (name,))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("from shop import total\n\nassert total() == 0\n", ("solved", ("test_two.Case.test_it",))),
        ("from shop import total\n\ntotal()\n", ("unverified", ())),
        ("from shop import total\n", ("unverified", ())),
        ("import nowhere\n", ("unverified", ())),
    ],
)
async def test_a_new_module_of_unittest_reproduces_if_it_asserts_what_the_change_adds(
    shop: Path, new: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    (shop / "test_shop.py").write_text(UNITTEST.format(0))
    (shop / "nowhere.py").write_text("")
    module = f"{new}{UNITTEST.format(0)}"

    run = await work(shop, answer(shop__py=WRONG + TOTAL, test_two__py=module), command="python -m unittest")

    assert (run.status, run.reproduced_by) == expected


@pytest.mark.slow
async def test_a_new_test_is_found_in_a_folder_of_tests_with_its_data(shop: Path) -> None:
    run = await work(shop, answer(shop__py=RIGHT) + DATA)

    assert (run.status, run.reproduced_by) == ("solved", ("tests/test_two.py::test_two",))


@pytest.mark.slow
async def test_one_that_only_tells_the_two_trees_apart_runs_no_code_of_the_change(shop: Path) -> None:
    new = "def test_two():\n    assert '2 * n' in open('shop.py').read()\n"

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=new))

    assert (run.status, run.verified, run.strength) == ("unverified", "none", "none")
    reason = "the new tests run no code of the change, so they prove nothing: test_two.py::test_two"
    assert run.reason == reason


@pytest.mark.slow
async def test_so_does_a_new_test_beside_a_file_that_cannot_be_read_without_the_change(shop: Path) -> None:
    other = "from pathlib import Path\n\nassert '2 * n' in Path('shop.py').read_text()\n" + GIVEN

    run = await work(shop, answer(shop__py=RIGHT + TOTAL, test_two__py=RED, test_total__py=other))

    assert (run.status, run.reproduced_by) == ("solved", ("test_two.py::test_two",))


@pytest.mark.slow
async def test_so_does_a_new_test_in_a_given_file_that_may_be_changed(shop: Path) -> None:
    allowing = PYTEST.model_copy(update={"allow": ("test_shop.py",)})
    more = GIVEN + "\n\ndef test_two():\n    assert price(2) == 4\n"

    run = await work(shop, answer(shop__py=RIGHT, test_shop__py=more), settings=allowing)

    assert (run.status, run.reproduced_by) == ("solved", ("test_shop.py::test_two",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "given", "new"),
    [
        ("pytest -q test_shop.py", GIVEN, RED),
        ("pytest -q test_shop.py::test_zero", GIVEN, RED),
        ("python3 -m unittest test_shop", UNITTEST.format(0), UNITTEST.format(2)),
    ],
)
async def test_so_does_a_new_test_file_where_the_test_command_names_its_files(
    shop: Path, command: str, given: str, new: str
) -> None:
    (shop / "test_shop.py").write_text(given)

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=new), command=command)

    assert (run.status, run.verified) == ("solved", "reproduced")
    assert run.reproduced_by[0].startswith("test_two")


@pytest.mark.slow
async def test_a_new_test_file_that_the_command_leaves_out_and_fails_with_the_change_fails_the_answer(
    shop: Path,
) -> None:
    run = await work(shop, answer(shop__py=WRONG + "\n", test_two__py=RED), command="pytest test_shop.py")

    assert (run.status, run.verified) == ("limit", "none")
    assert [line.name for line in run.tests if not line.passed] == ["test_two.py::test_two"]


NODE = """const test = require("node:test");
const assert = require("node:assert");
const {{ price }} = require("./shop.js");
test("{0}", () => assert.strictEqual(price({0}), 2 * {0}));
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "verified"), [(2, "reproduced"), (0, "none")])
async def test_so_does_a_new_test_of_another_language(tmp_path: Path, number: int, verified: str) -> None:
    require_toolchain("node", path="/usr/bin")
    code = "exports.price = (n) => {0};\n"
    (tmp_path / "shop.js").write_text(code.format("n"))
    (tmp_path / "a.test.js").write_text(NODE.format(0).replace('"0"', '"given"'))
    files = {"shop.js": code.format("2 * n"), "b.test.js": NODE.format(number)}
    answer_text = "".join(f"**{path}**\n```js\n{text}```\n\n" for path, text in files.items())

    run = await work(tmp_path, answer_text, command="node --test")

    assert run.verified == verified


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "verified"),
    [("total(3)", "reproduced"), ("price({ n: 3, get sum() { return total; } }.n)", "added")],
)
async def test_a_name_that_the_change_adds_reproduces_in_another_language_too(
    tmp_path: Path, line: str, verified: str
) -> None:
    require_toolchain("node", path="/usr/bin")
    fails = "exports.price = (n) => { if (n > 2) throw new RangeError(n); return 0; };\n"
    (tmp_path / "shop.js").write_text(fails)
    (tmp_path / "a.test.js").write_text(NODE.format(0).replace('"0"', '"given"'))
    mended = "exports.price = (n) => 0;\nexports.total = (n) => n;\n"
    new = 'const { price, total } = require("./shop.js");\n' + f'require("node:test")("new", () => {line});\n'
    answer_text = f"**shop.js**\n```js\n{mended}```\n\n**b.test.js**\n```js\n{new}```\n\n"

    run = await work(tmp_path, answer_text, command="node --test")

    assert run.verified == verified, run.reason


@pytest.mark.slow
async def test_a_new_test_that_passes_without_the_change_shows_nothing(shop: Path) -> None:
    run = await work(shop, answer(shop__py=RIGHT, test_two__py=GREEN))

    assert (run.status, run.verified, run.exit_code, run.landed) == ("unverified", "none", 8, ())
    assert run.reason == "the new tests pass without the change, too, so they prove nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "why"),
    [
        (IN_A_FIXTURE, "assert 2 == 4"),
        (PATCHED, "has no attribute 'total'"),
    ],
)
async def test_a_new_test_that_could_not_run_without_the_change_is_only_added(
    shop: Path, new: str, why: str
) -> None:
    run = await work(shop, answer(shop__py=RIGHT + TOTAL, test_two__py=new))

    assert (run.status, run.verified, run.exit_code) == ("unverified", "added", 8)
    assert run.reason.startswith(
        "the new tests pass, but without the change they fail for another reason than the code: "
    )
    assert why in run.reason


FEATURE = """import dataclasses


def price(n, *rest, currency=None):
    return n


def convert(n, rate=1):
    return n * rate


class Basket:
    def __init__(self, *, coupon=None):
        self.coupon = coupon

    def total(self):
        return 0


@dataclasses.dataclass
class Item:
    name: str
    weight: int = 0


def rebate(n):
    return {}[n]
"""
PLAIN = """import dataclasses


def price(n, *rest):
    return n


def convert(n):
    return n


class Basket:
    pass


@dataclasses.dataclass
class Item:
    name: str


def rebate(n):
    return {}[n]
"""


async def failed_by_code(new: str, added: Mapping[str, str]) -> Collection[str]:
    """Return the new tests that fail on the code before the change for want of what it adds."""
    proof = Proof(added=find_additions({"shop.py": PLAIN}, added), limit_s=30)
    limits = Limits(wall_s=60, cpu_s=60)
    async with open_kept(Policy(python=only_pytest())) as box:
        await box.lay({"shop.py": PLAIN.encode(), "test_two.py": new.encode()})
        run = await run_tests(box, ("pytest", "-q"), ours=["test_two.py"], limits=limits, proof=proof)
    assert run.failing
    return run.reached


@pytest.mark.slow
async def test_so_does_a_new_test_that_fails_for_want_of_what_the_change_adds(shop: Path) -> None:
    (shop / "shop.py").write_text(PLAIN)
    new = "import shop\n\n\ndef test_it():\n    shop.price(2, currency='EUR')\n"

    run = await work(shop, answer(shop__py=FEATURE, test_two__py=new))

    assert (run.status, run.verified, run.exit_code) == ("solved", "reproduced", 0), run.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "shop.price(2, **options)",
        "shop.convert(2, 3)",
        "shop.Basket(coupon='X')",
        "shop.Basket().total()",
        "shop.Item('pen', weight=3)",
        "shop.Basket.total",
        "from shop import Item, convert; import shop.more",
        "from more import VAT",
    ],
)
async def test_so_does_one_that_fails_for_want_of_anything_that_the_change_adds(line: str) -> None:
    new = f"import shop\n\n\ndef test_it():\n    options = dict(currency='EUR')\n    {line}\n"
    if "import shop.more" in line:
        new = "import shop\nfrom shop import Basket, VAT\n\n\ndef test_it():\n    assert VAT\n"
    added = {"shop.py": FEATURE + "\n\nVAT = 1\n", "more.py": "VAT = 1\n"}

    assert await failed_by_code(new, added)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "len(currency=1) if len(inspect.signature(shop.price).parameters) < 3 else None",
        "None.total() if not hasattr(shop.Basket, 'total') else None",
        "absent if not hasattr(shop.Basket, 'total') else None",
        "raise TypeError('price() got an unexpected keyword argument currency')"
        " if not hasattr(shop.Basket, 'total') else ValueError",
    ],
)
async def test_an_error_that_only_sounds_so_is_no_evidence(line: str) -> None:
    first, _, rest = line.partition(" if ")
    body = f"    if {rest.partition(' else ')[0]}:\n        {first}\n"
    new = f"import inspect\nimport shop\n\n\ndef test_it():\n{body}"

    assert not await failed_by_code(new, {"shop.py": FEATURE})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "new"),
    [
        ("pytest -q", RED + "\n\ndef test_three():\n"),
        ("python3 -m unittest", UNITTEST.format(2)),
    ],
)
async def test_one_failing_test_on_the_code_before_ends_the_run_and_the_log_has_each_run(
    shop: Path, command: str, new: str
) -> None:
    if "shop_is_old" in new:
        new += "    assert not shop_is_old()\n\n\ndef shop_is_old():\n    return price(2) == 2\n"
    else:
        more = "    def test_later(self):\n        self.assertEqual(shop.price(3), 6)\n"
        new += more
        (shop / "test_shop.py").write_text(UNITTEST.format(0))
    log = MemoryLog()

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=new), command=command, log=log)

    assert (run.status, len(run.reproduced_by)) == ("solved", 1)
    bodies = [parse(event) for event in await log.read(run.run_id)]
    ended = [body for body in bodies if isinstance(body, ProgramFinished) and body.what == "evidence"]
    tried = ended[0].tried
    assert [(one.on, one.failed) for one in tried] == [
        ("before", run.reproduced_by), ("before", run.reproduced_by), ("after", ()),
        ("altered", run.reproduced_by),
    ]  # fmt: skip
    assert {one.command for one in tried} == {command}


@pytest.mark.slow
async def test_a_new_test_that_fails_with_the_change_fails_the_answer(shop: Path) -> None:
    run = await work(shop, answer(shop__py=WRONG + "\n", test_two__py=RED))

    assert (run.status, run.verified) == ("limit", "none")
    assert [line.name for line in run.tests if not line.passed] == ["test_two.py::test_two"]


@pytest.mark.slow
async def test_a_new_test_that_ends_differently_when_run_again_shows_nothing(shop: Path) -> None:
    run = await work(shop, answer(shop__py=RIGHT, test_two__py=FLAKY))

    assert (run.status, run.verified) == ("unverified", "none")
    assert run.reason == "the new tests end differently on the same files: test_two.py::test_two"


@pytest.mark.slow
async def test_in_a_found_suite_that_stays_red_a_new_test_can_show_that_the_task_is_done(shop: Path) -> None:
    (shop / "test_old.py").write_text("def test_old():\n    assert 0\n")

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=RED), command="")

    assert (run.status, run.verified) == ("solved", "reproduced")


@pytest.mark.slow
async def test_a_given_suite_that_stays_red_is_unsolved_whatever_a_new_test_shows(shop: Path) -> None:
    (shop / "test_old.py").write_text("def test_old():\n    assert 0\n")
    settings = PYTEST.model_copy(update={"budget": Budget(samples=1, repairs=0)})

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=RED), settings=settings)

    assert (run.status, run.mended, run.landed) == ("unsolved", 1, ())
    assert run.reason.startswith("reproduced: test_two.py::test_two failed without the change")
    assert "; still red as before: test_old.py::test_old" in run.reason


@pytest.mark.slow
async def test_in_a_suite_that_stays_red_new_tests_that_show_nothing_leave_it_a_failure(shop: Path) -> None:
    (shop / "test_old.py").write_text("def test_old():\n    assert 0\n")

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=GREEN))

    assert (run.status, run.landed) == ("limit", ())


class Stumbling:
    """A sandbox in which one run, by its number, finds a file that no other finds."""

    def __init__(self, sandbox: Sandbox, *, at: int) -> None:
        self._sandbox, self._left = sandbox, at

    def __getattr__(self, name: str) -> object:
        return getattr(self._sandbox, name)

    async def run(self, program: Program, **options: Any) -> Result:
        """Run it, with the file where it is this one's turn."""
        self._left -= 1
        if not self._left:
            await self._sandbox.write("stumble", b"")
        return await self._sandbox.run(program, **options)


@pytest.mark.slow
async def test_a_given_test_that_fails_once_and_not_again_alone_nor_with_all_is_no_failure(
    shop: Path,
) -> None:
    @asynccontextmanager
    async def stumbling(policy: Policy) -> AsyncIterator[Sandbox]:
        async with open_sandbox(policy) as sandbox:
            yield cast(Sandbox, Stumbling(sandbox, at=4))  # pytest is looked for, the baseline runs twice

    (shop / "test_shop.py").write_text(GIVEN + "    import os\n    assert not os.path.exists('stumble')\n")
    task = Task(prompt="Mend the price.", workspace=shop, test_command=("pytest", "-q"))
    model = Scripted([answer(shop__py=RIGHT, test_two__py=RED)])

    run = await solve(task, model=model, settings=PYTEST, log=MemoryLog(), sandbox=stumbling)

    assert (run.status, run.verified) == ("solved", "reproduced")


@pytest.mark.slow
async def test_a_given_test_that_fails_only_beside_the_others_fails_the_answer(shop: Path) -> None:
    (shop / "test_a.py").write_text("import shop\n\n\ndef test_a():\n    shop.price(1)\n")
    leaking = RIGHT.replace("    return 2", "    global rebate\n    rebate = None\n    return 2")
    (shop / "test_shop.py").write_text("import shop\n\n\ndef test_it():\n    assert shop.rebate\n")

    run = await work(shop, answer(shop__py=leaking))

    assert run.status == "limit"


class Checking:
    """A Coder that names a check with its answer."""

    name = "coder"

    def __init__(self, check: str) -> None:
        self._check = check

    async def speak(self, turn: Turn) -> Message:
        """The Coder's own message, and the check."""
        message = await Coder().speak(turn)
        return message.model_copy(update={"check": self._check})


class CheckingTeam:
    """A Coder that names a check; the loop lets the Executor try each answer."""

    def __init__(self, check: str) -> None:
        self._check = check

    def next(self, state: State) -> Participant:
        """The Coder."""
        return Checking(self._check)


async def checked(
    shop: Path,
    check: str,
    *,
    command: tuple[str, ...] | None = ("pytest", "-q"),
    new: str = "",
    more: str = "",
) -> Run:
    task = Task(prompt="Mend the price in shop.py.", workspace=shop, test_command=command)
    team = CheckingTeam(check)
    files = {"test_two__py": new} if new else {}
    model = Scripted([answer(shop__py=RIGHT + TOTAL, **files) + more])
    return await solve(task, model=model, settings=PYTEST, log=MemoryLog(), team=team)


CHECK = "python3 -c 'import shop; assert shop.price({}) == {}'"


@pytest.mark.slow
@pytest.mark.parametrize("command", [("pytest", "-q"), ("true",), None])
async def test_a_check_that_fails_without_the_change_and_succeeds_with_it_solves_the_task(
    shop: Path, command: tuple[str, ...] | None
) -> None:
    check = CHECK.format(2, 4)

    run = await checked(shop, check, command=command)

    assert (run.status, run.verified, run.exit_code) == ("solved", "reproduced", 0)
    assert run.reproduced_by == (f"`{check}`",)


@pytest.mark.slow
async def test_a_check_that_succeeds_without_the_change_shows_nothing(shop: Path) -> None:
    check = CHECK.format(0, 0)

    run = await checked(shop, check)

    assert (run.status, run.verified, run.exit_code) == ("unverified", "none", 8)
    assert run.reason == f"the check `{check}` succeeds without the change, too, so it proves nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "verified"), [(RED, "reproduced"), (NOT_THERE, "reproduced"), (UNKNOWN, "added")]
)
async def test_a_check_that_runs_new_tests_is_tried_with_them_on_the_code_before(
    shop: Path, new: str, verified: str
) -> None:
    run = await checked(shop, "python3 -m pytest -q test_two.py", command=None, new=new)

    assert run.verified == verified


@pytest.mark.slow
async def test_a_check_may_name_a_new_file_of_tests_by_any_name(shop: Path) -> None:
    more = f"\n**shows_it.py**\n```python\n{RED}```\n"

    run = await checked(shop, "pytest -q shows_it.py", more=more)

    assert (run.status, run.verified) == ("solved", "reproduced")


async def test_a_check_whose_command_is_not_there_without_the_change_is_only_added(shop: Path) -> None:
    run = await checked(shop, "./tool.sh", command=None, more="\n**tool.sh**\n```\n#!/bin/sh\nexit 0\n```\n")

    assert (run.status, run.verified) == ("unverified", "added")
    assert run.reason.startswith("the check `./tool.sh` succeeds, but without the change it can't run: ")


@pytest.mark.slow
async def test_a_check_that_fails_with_the_change_fails_the_answer(shop: Path) -> None:
    run = await checked(shop, CHECK.format(2, 6))

    assert (run.status, run.landed) == ("limit", ())


@pytest.mark.slow
async def test_where_a_given_test_is_required_new_ones_leave_it_unverified(shop: Path) -> None:
    log = MemoryLog()
    settings = PYTEST.model_copy(update={"require": "tests"})

    run = await work(shop, answer(shop__py=RIGHT, test_two__py=RED), settings=settings, log=log)

    assert (run.status, run.verified, run.exit_code, run.landed) == ("unverified", "reproduced", 8, ())
    assert run.reproduced_by == ("test_two.py::test_two",)
    again = await resume(run.run_id, model=Scripted([]), settings=PYTEST, log=log)
    assert (again.status, again.exit_code, again.calls) == ("solved", 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "files"),
    [(RED, {"test_more__py": RED}), (GIVEN, {})],
    ids=["a given test decides", "none is new"],
)
async def test_nothing_more_is_run_where_there_is_nothing_to_find_out(
    shop: Path, given: str, files: dict[str, str]
) -> None:
    (shop / "test_shop.py").write_text(given)
    log = MemoryLog()

    run = await work(shop, answer(shop__py=RIGHT, **files), log=log)

    bodies = [parse(event) for event in await log.read(run.run_id)]
    assert [body.what for body in bodies if isinstance(body, ProgramStarted)] == ["verify"]
