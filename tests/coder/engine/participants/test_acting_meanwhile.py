"""The user edits files while a model works in a session: both are kept, or the run stops and says so."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from coder.base.errors import UsageError
from coder.models.model import Answer, ChatMessage, ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

from .test_acting import DONE, SETTINGS, TEST, UNITTEST, WRONG, bash, told
from .test_acting_cut import cut_log

pytestmark = [KEPT, RECORDED]

MEND = bash("sed -i 's/a - b/a + b/' calc.py")
MIDDLE = "".join(f"LINE_{n} = {n}\n" for n in range(9))
MINE = "def add(a, b, c):\n    return a + b + c\n"


class _Edited(Scripted):
    """A model in whose last call so far the user edits a file."""

    def __init__(self, answers: Sequence[str | list[ToolCall]], *, at: int, file: Path, text: str) -> None:
        super().__init__(answers)
        self._at, self._file, self._text = at, file, text

    async def answer(self, messages: Sequence[ChatMessage], **given: Any) -> Answer:
        if len(self.requests) + 1 == self._at:
            self._file.write_text(self._text)
        return await super().answer(messages, **given)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "calc.py").write_text(WRONG + MIDDLE)
    (tmp_path / "test_calc.py").write_text(TEST)
    return tmp_path


async def edited(
    project: Path, *answers: list[ToolCall], at: int, text: str, log: MemoryLog
) -> tuple[Run, Scripted]:
    model = _Edited(answers, at=at, file=project / "calc.py", text=text)
    task = Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)
    return await solve(task, model=model, settings=SETTINGS, log=log), model


@pytest.mark.slow
async def test_what_the_user_edits_elsewhere_in_a_file_is_joined(project: Path) -> None:
    run, _ = await edited(project, MEND, DONE, at=2, text=WRONG + MIDDLE + "MINE = 1\n", log=MemoryLog())

    assert run.status == "solved"
    assert (project / "calc.py").read_text() == WRONG.replace("-", "+") + MIDDLE + "MINE = 1\n"


@pytest.mark.slow
async def test_what_the_session_has_made_executable_stays_so_beside_an_edit_of_the_user(
    project: Path,
) -> None:
    add = json.loads(MEND[0].arguments)["command"]
    mend = bash(f"{add}; sed -i '1i #!/usr/bin/env python3' calc.py; chmod +x calc.py")

    run, _ = await edited(project, mend, DONE, at=2, text=WRONG + MIDDLE + "MINE = 1\n", log=MemoryLog())

    assert run.status == "solved"
    assert "MINE = 1" in (project / "calc.py").read_text()
    assert (project / "calc.py").stat().st_mode & 0o111


@pytest.mark.slow
async def test_what_the_user_edits_in_the_same_lines_stays_and_the_run_says_so(project: Path) -> None:
    mine = WRONG.replace("a - b", "sum((a, b))") + MIDDLE

    run, _ = await edited(project, MEND, DONE, at=2, text=mine, log=MemoryLog())

    assert (run.status, "can't be joined" in run.reason) == ("error", True)
    assert (project / "calc.py").read_text() == mine


@pytest.mark.slow
@pytest.mark.parametrize("back", ["true", "git checkout -q calc.py"])
async def test_where_both_together_fail_the_session_goes_on_with_both(project: Path, back: str) -> None:
    mend = bash(f"cat calc.py; {back}; sed -i 's/a, b, c/a, b, c=0/' calc.py")

    run, model = await edited(
        project, MEND, DONE, mend, DONE, at=2, text=WRONG + MIDDLE + MINE, log=MemoryLog()
    )

    assert "a, b, c" in told(model, 4)
    assert run.status == "solved"
    assert (project / "calc.py").read_text().endswith(MIDDLE + MINE.replace("c)", "c=0)"))


@pytest.mark.slow
async def test_an_edit_after_a_run_was_cut_off_is_not_undone_by_its_session(project: Path) -> None:
    (project / "large.txt").write_text("x" * 300_000)  # of such a folder, the log keeps no contents
    log = MemoryLog()
    stopped, _ = await edited(project, MEND, DONE, at=9, text="", log=log)
    events = await log.read(stopped.run_id)
    answered = next(n for n, event in enumerate(events, 1) if event.type == "tool.answered")
    log = await cut_log(events[:answered], stopped.run_id)
    (project / "calc.py").write_text(WRONG + MIDDLE + "MINE = 1\n")

    with pytest.raises(UsageError, match=r"calc\.py has changed"):
        await resume(stopped.run_id, log=log, model=Scripted([DONE]), budget=Budget(max_calls=10))

    assert (project / "calc.py").read_text().endswith("MINE = 1\n")
