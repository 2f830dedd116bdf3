"""A file that an answer deletes: away in the sandbox, away in the user's folder, and back by undo."""

import subprocess
from pathlib import Path

from coder.run.attempts import is_repeat
from coder.run.event_types import Spoken
from coder.run.journal import Journal
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.run import summarize
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.workspace.deliver import deliver
from coder.workspace.overlay import workspace_files
from coder.workspace.read import read_workspace
from coder.workspace.take_back import undo
from tests.coder.states import outcome, started
from tests.memory_log import MemoryLog


def deleting(path: str) -> Spoken:
    """The Coder's message that only deletes this file."""
    return Spoken(message=CodeMessage(author="coder", changes=AnswerChanges(files={path: None})))


async def test_a_deleted_file_leaves_the_users_folder_and_undo_puts_it_back(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("x = 1\n")
    (tmp_path / "kept.py").write_text("y = 1\n")
    task = Task(prompt="tidy up", workspace=tmp_path)
    read = read_workspace(task)
    log = MemoryLog()
    async with log.lease("run_d") as token:
        journal = Journal("run_d", log, token=token, watch=Unwatched())
        begun = started(task).model_copy(update={"files": read.files, "root": str(read.root)})
        await journal.append(begun, deleting("old.py"), outcome(True))

        await deliver(journal)

    state = journal.state
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.py"]
    assert workspace_files(state, {"old.py": None}) == {"kept.py": b"y = 1\n"}
    assert (state.landing.written, summarize(state).files) == (("old.py",), {})
    assert "deleted file mode" in summarize(state).patch
    assert is_repeat(state, {"old.py": None}, "")
    assert not is_repeat(state, {"old.py": ""}, "")
    await undo("run_d", log=log)
    assert (tmp_path / "old.py").read_text() == "x = 1\n"


async def test_git_makes_of_the_patch_what_a_run_has_written(tmp_path: Path) -> None:
    for name in ("landed", "applied"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text("echo 1\n")
        (tmp_path / name / "tool").chmod(0o755)
        (tmp_path / name / "old.bin").write_bytes(b"\0\xff")
    changes = {"tool": None, "bin/tool": "echo 1\n", "old.bin": None}
    message = CodeMessage(author="coder", changes=AnswerChanges(files=changes))
    task = Task(prompt="tidy up", workspace=tmp_path / "landed")
    read = read_workspace(task)
    log = MemoryLog()
    async with log.lease("run_g") as token:
        journal = Journal("run_g", log, token=token, watch=Unwatched())
        begun = started(task).model_copy(update={"files": read.files, "root": str(read.root)})
        await journal.append(begun, Spoken(message=message), outcome(True))

        await deliver(journal)

    _apply(summarize(journal.state).patch, tmp_path / "applied")
    for name in ("landed", "applied"):
        assert [file.name for file in (tmp_path / name).rglob("*") if file.is_file()] == ["tool"]
        assert (tmp_path / name / "bin/tool").stat().st_mode & 0o777 == 0o755


def _apply(patch: str, folder: Path) -> None:
    subprocess.run(["git", "apply"], cwd=folder, input=patch.encode(), check=True)


async def test_a_file_that_is_renamed_to_one_that_is_left_out_stays(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("x = 1\n")
    changes = {"settings": None, ".unknown": "x = 1\n", "new.py": "y = 1\n"}
    message = CodeMessage(author="coder", changes=AnswerChanges(files=changes))
    task = Task(prompt="tidy up", workspace=tmp_path)
    read = read_workspace(task)
    log = MemoryLog()
    async with log.lease("run_r") as token:
        journal = Journal("run_r", log, token=token, watch=Unwatched())
        begun = started(task).model_copy(update={"files": read.files, "root": str(read.root)})
        await journal.append(begun, Spoken(message=message), outcome(True))

        await deliver(journal)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.py", "settings"]
    assert summarize(journal.state).left_out == {".unknown": "held", "settings": "held"}
