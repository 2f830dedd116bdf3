"""The target of a task is found once, when its files are read, and stands in the log with them."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, FilesChanged, StepStarted
from coder.run.events import Event
from coder.run.find_target import find_target
from coder.run.reducer import fold_all
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.workspace.folder import Snapshot
from coder.workspace.read import MAX_STORED_FILES, started
from tests.coder.states import started as begun
from tests.coder.states import state_of
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

CART = "def total(prices):\n    return sum(prices)\n"
WRONG = "def total(prices):\n    return 1\n"
CHECK = "assert total([2, 3]) == 5"
TEST = "from cart import total\n\n\ndef test_total():\n    assert total([2, 3]) == 5\n"
UNNAMED = Settings(strategy="repair", plan=False, apply=False)


def returns(new: str, old: str) -> str:
    """An edit of what the function returns, without a file's name."""
    return f"```\n<<<<<<< SEARCH\n    return {old}\n=======\n    return {new}\n>>>>>>> REPLACE\n```\n"


@contextmanager
def searches() -> Iterator[list[str]]:
    """The functions from which `find_target` is called, one a call."""
    callers: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is find_target.__code__ and frame.f_back is not None:
            callers.append(frame.f_back.f_code.co_name)

    sys.setprofile(note)
    try:
        yield callers
    finally:
        sys.setprofile(None)


def without_target(event: Event) -> Event:
    """The same as an earlier version wrote it."""
    return event.model_copy(update={"body": {k: v for k, v in event.body.items() if k != "target"}})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder whose name has an ending, as that of a file may have."""
    folder = tmp_path / "shop.v2"
    folder.mkdir()
    (folder / "cart.py").write_text(WRONG)
    return folder


@pytest.mark.slow
async def test_a_run_finds_its_target_once(shop: Path) -> None:
    (shop / "test_cart.py").write_text(TEST)
    task = Task(prompt="Mend the total.", workspace=shop, test_command=("pytest", "-q"))
    settings = UNNAMED.model_copy(update={"python": only_pytest()})

    with searches() as callers:
        model = Scripted([returns("2", old="1"), returns("sum(prices)", old="2")])
        run = await solve(task, model=model, settings=settings, log=MemoryLog())

    assert (run.status, run.calls) == ("solved", 2)
    assert callers == ["solve"]


async def test_a_resume_takes_the_target_that_was_found_before_the_folder_was_removed(shop: Path) -> None:
    log, task = MemoryLog(), Task(prompt="Mend total(prices).", workspace=shop, checks=(CHECK,))
    limited = UNNAMED.model_copy(update={"budget": Budget(max_calls=1)})
    cut = await solve(task, model=Scripted([returns("2", old="1")]), settings=limited, log=log)
    shutil.rmtree(shop)

    with searches() as callers:
        again = Scripted([returns("3", old="2")])
        await resume(cut.run_id, model=again, budget=Budget(max_calls=2), log=log)

    first, *later = await log.read(f"{cut.run_id}.1")
    attempt, earlier = fold_all([first, *later]), fold_all([without_target(first), *later])
    assert [list(code.changes.files) for code in attempt.codes] == [["cart.py"]] * 2
    assert callers == []
    assert (attempt.target.path, earlier.target.path) == ("cart.py", "shop.v2")  # the disk now has no folder


def test_the_target_of_a_large_folder_is_found_in_contents_that_the_log_does_not_hold() -> None:
    files = {f"part{n}.py": StoredFile.of(b"x = 1\n") for n in range(MAX_STORED_FILES)}
    files["cart.py"] = StoredFile.of(CART.encode())
    task = Task(prompt="Mend `total(prices)`.", checks=(CHECK,))

    first = started(Snapshot(None, files), task, Settings(), model="m", target=find_target(task, files))

    assert first.listing
    assert state_of([first]).target.path == "cart.py"
    assert state_of([first.model_copy(update={"target": None})]).target.path != "cart.py"


def test_a_further_task_and_changed_files_bring_their_own_target() -> None:
    cart, bill = (Task(prompt=f"Mend {name}.py.") for name in ("cart", "bill"))
    files = {"cart.py": StoredFile(text=CART), "bill.py": StoredFile(text="x = 1\n")}
    first = begun(cart).model_copy(update={"files": files, "target": find_target(cart, files)})
    step = StepStarted(task=bill, settings=Settings(), model="m", target=find_target(bill, files))
    changed = FilesChanged(gone=("bill.py",), target=find_target(bill, {"cart.py": files["cart.py"]}))

    with searches() as callers:
        states = [state_of(bodies) for bodies in ([first], [first, step], [first, step, changed])]

    assert [state.target.path for state in states[:2]] == ["cart.py", "bill.py"]
    assert states[2].target == changed.target
    assert callers == []


def test_the_baseline_adds_which_files_its_tests_open() -> None:
    files = {
        "cart.py": StoredFile(text=CART),
        "test_cart.py": StoredFile(text=TEST),
        "rows.bin": StoredFile(text="2 3 5"),
    }
    first = begun(Task(prompt="Mend the total.", test_command=("pytest",)))
    first = first.model_copy(update={"files": files, "target": find_target(first.task, files)})
    baseline = BaselineTaken(passed=False, opened={"rows.bin": ("test_cart.py",)})

    assert not state_of([first]).target.is_of_tests("rows.bin")
    assert state_of([first, baseline]).target.is_of_tests("rows.bin")


def test_a_use_of_the_target_has_all_its_passes_whatever_uses_before_it_have_searched() -> None:
    paths = [f"data{n}.txt" for n in range(40)]
    files = {path: StoredFile(text="1") for path in paths} | {"test_cart.py": StoredFile(text=TEST)}
    first = begun(Task(prompt="Mend the total.", test_command=("pytest",)))
    state = state_of([first.model_copy(update={"files": files})])

    use = state.target

    assert [use.is_unclear(path) for path in paths][-1]
    assert not state.target.is_unclear(paths[-1])
