"""Ignored files and other folders that the user shows: session and verdict see them, and none is changed."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.engine.agent import solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.engine.participants.test_acting import DONE, bash, told
from tests.git_repository import make_repository
from tests.memory_log import MemoryLog

KEY = "sk-9f8e7d6c5b4a3f2e1d0c9b8a"
TEST = """
import pathlib

def test_it():
    data = pathlib.Path("data/rows.txt").read_text() + pathlib.Path("one.bin").read_text()
    rows = data + pathlib.Path("/opt/shown/lib/more.txt").read_text()
    assert pathlib.Path("sum.txt").read_text().strip() == str(sum(map(int, rows.split())))
"""
SUM = bash("cat data/rows.txt one.bin /opt/shown/lib/more.txt | awk '{ s += $1 } END { print s }' > sum.txt")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose test reads what git ignores, and another folder."""
    folder = tmp_path / "project"
    make_repository(folder, test_sum__py=TEST, sum__txt="0\n")
    (folder / "test_sum.py").write_text(TEST)
    (folder / ".gitignore").write_text("/data\n/one.bin\n.env*\n")
    for path, text in (
        ("project/data/rows.txt", "1\n2\n"),
        ("project/one.bin", "4\n"),
        ("project/.env.test", f"API_KEY={KEY}\nMODE=test\n"),
        ("lib/more.txt", "8\n"),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return folder


async def worked(
    folder: Path, *calls: list[ToolCall], log: MemoryLog | None = None, **how: object
) -> tuple[Run, Scripted]:
    model = Scripted(calls)
    settings = Settings(strategy="act").model_copy(update=how)
    task = Task(prompt="Mend it.", workspace=folder, test_command=("python", "-m", "pytest", "-q"))
    return await solve(task, model=model, settings=settings, log=log or MemoryLog()), model


@pytest.mark.slow
async def test_the_session_and_the_verdict_see_what_is_shown(project: Path) -> None:
    lib = project.parent / "lib"
    change = bash("echo 16 > one.bin; echo 16 > data/rows.txt; echo 16 > /opt/shown/lib/more.txt; ls data")

    run, model = await worked(project, SUM, change, DONE, show=("data", "one.bin"), add_dir=(lib,))

    assert "`data`, `one.bin`, `/opt/shown/lib` (the folder lib)" in told(model, 1)
    assert told(model, 3).count("Read-only file system") == 2, told(model, 3)
    assert (run.status, run.verified, run.landed) == ("solved", "tests", ("sum.txt",)), run
    assert (project / "sum.txt").read_text() == "15\n"
    contents = [
        (project / "data/rows.txt").read_text(),
        (project / "one.bin").read_text(),
        (lib / "more.txt").read_text(),
    ]
    assert contents == ["1\n2\n", "4\n", "8\n"]


@pytest.mark.slow
async def test_a_file_of_keys_that_is_named_exactly_is_shown_and_its_keys_are_not(project: Path) -> None:
    log = MemoryLog()

    run, model = await worked(project, bash("cat .env.test"), DONE, show=(".env.test",), log=log)

    assert "MODE=test" in told(model, 2)
    assert KEY not in told(model, 2)
    assert KEY not in str(list(await log.read(run.run_id)))


@pytest.mark.parametrize(
    ("show", "add", "said"),
    [
        ("nothing.txt", None, "there is no nothing.txt"),
        ("../lib", None, "name a path inside of"),
        ("/etc/passwd", None, "name a path inside of"),
        ("link", None, "name a path inside of"),
        ("keys", None, r"holds deep/\.env, which may hold keys"),
        (".git", None, "which may hold keys"),
        (None, "gone", "there is no folder"),
        (None, "project/keys", r"holds deep/\.env"),
        (None, "home/.ssh", "which may hold keys"),
        (None, "home", r"holds \.ssh"),
        (None, "/", "holds your home folder"),
    ],
)
async def test_what_is_not_there_or_may_hold_keys_is_refused(
    show: str | None, add: str | None, said: str, project: Path
) -> None:
    (project / "keys/deep").mkdir(parents=True)
    (project / "keys/deep/.env").write_text("A=1\n")
    (project.parent / "home/.ssh").mkdir(parents=True)
    (project / "link").symlink_to("/etc/passwd")
    model = Scripted([DONE])
    settings = Settings(show=(show,) if show else (), add_dir=(project.parent / add,) if add else ())

    with pytest.raises(UsageError, match=said):
        await solve(Task(prompt="x", workspace=project), model=model, settings=settings, log=MemoryLog())

    assert model.requests == []
