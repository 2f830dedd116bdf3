"""What a run has solved reaches the folder, a branch or the screen; the user's own edits are never lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.engine import agent
from coder.engine.resume import resume
from coder.models.scripted import Scripted
from coder.run.event_types import FileUndone, ProgramFinished
from coder.run.events import Event
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.show.advice import next_steps
from coder.workspace.take_back import take_back_commit, undo
from tests.coder.workspace.meanwhile import Meanwhile
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository
from tests.memory_log import MemoryLog

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = "from calc import add\nassert add(2, 3) == 5\nprint('done')\n"
FAR = "\n\n" + "".join(f"X{number} = {number}\n" for number in range(20))
"""Lines between two edits, so that they don't meet."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A repository with a fault that its check finds."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return make_repository(tmp_path / "project", calc__py=WRONG + FAR, check__py=TEST)


def answer(text: str, path: str = "calc.py") -> str:
    return f"`{path}`\n```python\n{text}```\n"


async def solve(
    folder: Path,
    *answers: str,
    happens: Callable[[], object] = int,
    log: MemoryLog | None = None,
    command: tuple[str, ...] = ("python", "check.py"),
    watch: Unwatched | None = None,
    **more: object,
) -> Run:
    task = Task(prompt="Mend add.", workspace=folder, test_command=command)
    settings = Settings(budget=Budget(samples=1, repairs=1), strategy="repair", **more)  # type: ignore[arg-type]
    return await agent.solve(
        task,
        settings=settings,
        model=Scripted(answers),
        log=log or MemoryLog(),
        watch=watch or Meanwhile(happens),
    )


@pytest.mark.slow
async def test_a_diff_that_is_not_to_be_applied_waits_for_its_word(repository: GitRepository) -> None:
    log = MemoryLog()

    run = await solve(repository.top, answer(RIGHT + FAR), log=log, apply=False)
    assert (run.status, run.landed, repository.git("status", "--porcelain")) == ("solved", (), "")
    assert "+    return a + b" in run.patch
    applied = await resume(run.run_id, log=log, model=Scripted([]), settings=Settings(apply=True))

    assert (applied.status, applied.landed, applied.calls) == ("solved", ("calc.py",), 1)
    assert (repository.top / "calc.py").read_text() == RIGHT + FAR


@pytest.mark.slow
async def test_what_was_solved_is_committed_and_only_that(repository: GitRepository) -> None:
    repository.write(mine__txt="mine\n")
    repository.git("add", "mine.txt")

    run = await solve(repository.top, answer(RIGHT + FAR), commit=True)

    assert (run.commit, run.branch) == (repository.git("rev-parse", "HEAD"), "main")
    assert repository.git("log", "-1", "--format=%s") == "Change calc.py"
    assert repository.git("show", "--name-only", "--format=", "HEAD") == "calc.py"
    assert repository.git("status", "--porcelain") == "A  mine.txt"


@pytest.mark.slow
async def test_a_branch_gets_the_commit_and_the_folder_stays_as_it_is(repository: GitRepository) -> None:
    run = await solve(repository.top, answer(RIGHT + FAR), branch="mended")

    assert (run.status, run.branch, run.landed) == ("solved", "mended", ())
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("show", "mended:calc.py").startswith(RIGHT.strip())


@pytest.mark.slow
async def test_a_branch_that_is_there_by_then_fails_and_the_run_can_take_another(
    repository: GitRepository,
) -> None:
    log = MemoryLog()

    run = await solve(
        repository.top,
        answer(RIGHT + FAR),
        log=log,
        branch="mended",
        happens=lambda: repository.git("branch", "--force", "mended"),
    )
    settings = fold_all(await log.read(run.run_id)).settings.model_copy(update={"branch": "mended-again"})
    again = await resume(run.run_id, model=Scripted(()), log=log, settings=settings)

    assert (run.status, run.exit_code, run.commit) == ("error", 2, None)
    assert "there is a branch mended already" in (run.error or "")
    assert (again.status, again.exit_code, again.branch) == ("solved", 0, "mended-again")


@pytest.mark.slow
async def test_code_that_does_not_pass_is_never_committed(repository: GitRepository) -> None:
    head = repository.git("rev-parse", "HEAD")
    worse = WRONG.replace("a - b", "b")

    run = await solve(
        repository.top, answer(worse + FAR), answer(worse + "#\n" + FAR), commit=True, keep=True
    )

    assert run.status != "solved"
    assert run.landed == ("calc.py",)
    assert (run.commit, repository.git("rev-parse", "HEAD")) == (None, head)


@pytest.mark.slow
async def test_what_nothing_could_check_is_written_where_that_will_do_and_never_committed(
    repository: GitRepository,
) -> None:
    head = repository.git("rev-parse", "HEAD")

    run = await solve(
        repository.top, answer(RIGHT + FAR), command=("true",), commit=True, accept_unverified=True
    )

    assert (run.status, run.exit_code, run.landed) == ("unverified", 0, ("calc.py",))
    assert (run.commit, repository.git("rev-parse", "HEAD")) == (None, head)
    assert "only what has passed" in (run.uncommitted or "")


@pytest.mark.slow
async def test_a_branch_is_never_made_of_what_nothing_could_check(repository: GitRepository) -> None:
    run = await solve(
        repository.top, answer(RIGHT + FAR), command=("true",), branch="mended", accept_unverified=True
    )

    assert (run.status, run.exit_code, run.landed) == ("error", 2, ())
    assert "only what has passed" in (run.error or "")
    assert repository.git("branch", "--list", "mended") == ""


@pytest.mark.slow
async def test_a_file_with_the_users_own_changes_is_written_and_not_committed(
    repository: GitRepository,
) -> None:
    repository.write(calc__py=WRONG + FAR + "MINE = 1\n")

    run = await solve(repository.top, answer(RIGHT + FAR + "MINE = 1\n"), commit=True)

    assert (run.status, run.landed, run.commit) == ("solved", ("calc.py",), None)
    assert "changes of yours" in (run.uncommitted or "")


@pytest.mark.slow
@pytest.mark.parametrize("stages", [True, False])
async def test_of_several_files_those_without_changes_of_the_users_are_committed(
    repository: GitRepository, stages: bool
) -> None:
    repository.write(notes__txt="a\n", more__txt="b\n", mine__txt="c\n")
    repository.commit()
    repository.write(mine__txt="c\nof the user\n")
    if stages:
        repository.git("add", "mine.txt")
    texts = {"notes.txt": "a2\n", "more.txt": "b2\n", "mine.txt": "c2\nof the user\n"}
    log = MemoryLog()

    answers = [answer(RIGHT + FAR) + "".join(answer(text, path) for path, text in texts.items())]
    run = await solve(repository.top, *answers, commit=True, log=log)

    committed = repository.git("show", "--name-only", "--format=%s", "HEAD").split("\n")
    assert (run.status, run.commit) == ("solved", repository.git("rev-parse", "HEAD"))
    assert (committed[0], committed[-3:]) == (
        "Change calc.py, more.txt and 1 more",
        ["calc.py", "more.txt", "notes.txt"],
    )
    assert run.uncommitted is not None
    assert run.uncommitted.startswith("mine.txt ")
    assert (repository.top / "mine.txt").read_text() == texts["mine.txt"]

    await undo(run.run_id, log=log)
    note = await take_back_commit(fold_all(await log.read(run.run_id)), [FileUndone(path="calc.py")])
    assert "reverts the commit" in (note or "")
    assert repository.git("show", "--name-only", "--format=", "HEAD").split() == committed[-3:]
    assert (repository.top / "mine.txt").read_text() == "c\nof the user\n"


@pytest.mark.slow
async def test_an_edit_of_the_users_elsewhere_in_the_file_is_joined_and_tried_again(
    repository: GitRepository,
) -> None:
    mine = WRONG + FAR + "MINE = 1\n"

    run = await solve(repository.top, answer(RIGHT + FAR), happens=lambda: repository.write(calc__py=mine))

    assert (run.status, run.calls) == ("solved", 1)
    assert (repository.top / "calc.py").read_text() == RIGHT + FAR + "MINE = 1\n"


@pytest.mark.slow
async def test_an_edit_that_breaks_the_joined_code_is_repaired_and_kept(repository: GitRepository) -> None:
    mine = WRONG + FAR + "X1 = int('no number')\n"
    repaired = RIGHT + FAR + "X1 = 5\n"

    run = await solve(
        repository.top,
        answer(RIGHT + FAR),
        answer(repaired),
        happens=lambda: repository.write(calc__py=mine) if "a - b" in _text(repository) else None,
    )

    assert (run.status, run.calls) == ("solved", 2)
    assert _text(repository) == repaired


@pytest.mark.slow
async def test_an_edit_of_the_same_lines_is_left_and_nothing_is_written(repository: GitRepository) -> None:
    mine = WRONG.replace("a - b", "a * b") + FAR

    run = await solve(repository.top, answer(RIGHT + FAR), happens=lambda: repository.write(calc__py=mine))

    assert (run.status, run.exit_code, run.landed) == ("error", 2, ())
    assert f"coder export {run.run_id}" in run.reason
    assert "+    return a + b" in run.patch
    assert _text(repository) == mine


@pytest.fixture
def limited(repository: GitRepository) -> GitRepository:
    """The repository, whose check also reads a file that no answer changes."""
    repository.write(limits__py="N = 3\n", check__py=f"from limits import N\n{TEST.replace('3', 'N', 1)}")
    repository.commit()
    return repository


class Restless(Unwatched):
    """Changes the folder whenever a change was verified."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens

    def event(self, event: Event) -> None:
        """A verification has ended."""
        if event.type == ProgramFinished.type:
            self._happens()


@pytest.mark.slow
@pytest.mark.parametrize("edit", [{"limits__py": "N = 4\n"}, {"conftest__py": "raise SystemExit(1)\n"}, {}])
async def test_what_was_solved_on_other_files_than_the_folder_has_is_verified_again(
    limited: GitRepository, edit: dict[str, str]
) -> None:
    def happens() -> None:
        limited.write(**edit)
        if not edit:
            (limited.top / "limits.py").unlink(missing_ok=True)

    command = (
        ("python", "-m", "pytest", "-q", "check.py") if "conftest__py" in edit else ("python", "check.py")
    )
    answers = [answer(RIGHT + FAR), answer(RIGHT + FAR + "# again\n")]
    run = await solve(limited.top, *answers, happens=happens, command=command)

    assert (run.status, run.landed, run.calls) == ("unsolved", (), 2)
    assert _text(limited) == WRONG + FAR


@pytest.mark.slow
async def test_an_edit_that_breaks_what_had_passed_is_named_and_the_change_lands_once_it_is_mended(
    limited: GitRepository,
) -> None:
    log = MemoryLog()
    watch = Restless(lambda: limited.write(limits__py="N = 4\n"))

    run = await solve(limited.top, answer(RIGHT + FAR), answer(RIGHT + FAR), log=log, watch=watch)
    left = _text(limited)
    limited.write(limits__py="N = 3\n")
    mended = await resume(run.run_id, log=log, model=Scripted([]))

    assert (run.status, run.exit_code, run.broken_by, left) == ("unsolved", 1, ("limits.py",), WRONG + FAR)
    assert run.reason == "the change passed until limits.py changed in your folder, and fails since"
    assert f"mend limits.py, then: coder resume {run.run_id}" in next_steps(run)
    assert (mended.status, mended.calls, mended.broken_by) == ("solved", run.calls, ())
    assert _text(limited) == RIGHT + FAR


@pytest.mark.slow
async def test_a_file_that_changes_nothing_about_the_verdict_costs_one_more_verification_and_no_call(
    limited: GitRepository,
) -> None:
    log = MemoryLog()

    run = await solve(
        limited.top, answer(RIGHT + FAR), log=log, happens=lambda: limited.write(notes__txt="mine\n")
    )

    types = [event.type for event in await log.read(run.run_id)]
    assert (run.status, run.landed, run.calls, types.count("program.finished")) == (
        "solved",
        ("calc.py",),
        1,
        2,
    )
    assert (limited.top / "notes.txt").read_text() == "mine\n"


@pytest.mark.slow
async def test_a_folder_that_changes_at_every_verification_ends_the_run_with_the_names_and_a_resume_writes(
    limited: GitRepository,
) -> None:
    log, texts = MemoryLog(), iter("abcdefgh")
    watch = Restless(lambda: limited.write(notes__txt=next(texts)))

    run = await solve(limited.top, answer(RIGHT + FAR), log=log, watch=watch)
    waiting = _text(limited)
    done = await resume(run.run_id, log=log, model=Scripted([]))

    assert (run.status, run.exit_code, run.landed, waiting) == ("error", 2, (), WRONG + FAR)
    assert "notes.txt changed in your folder" in run.reason
    assert f"coder resume {run.run_id}" in run.reason
    assert "+    return a + b" in run.patch
    assert (done.status, done.calls, _text(limited)) == ("solved", 1, RIGHT + FAR)


@pytest.mark.slow
async def test_a_log_that_only_grows_keeps_no_change_from_its_folder(limited: GitRepository) -> None:
    path = limited.top / "server.log"

    def grow() -> None:
        with path.open("a") as stream:
            stream.write("GET /\n")

    log = MemoryLog()
    run = await solve(limited.top, answer(RIGHT + FAR), watch=Restless(grow), log=log)

    types = [event.type for event in await log.read(run.run_id)]
    assert (run.status, types.count("program.finished")) == ("solved", 2)
    assert _text(limited) == RIGHT + FAR


@pytest.mark.slow
async def test_a_test_that_grows_is_verified_each_time(limited: GitRepository) -> None:
    def grow() -> None:
        with (limited.top / "check.py").open("a") as stream:
            stream.write("assert add(1, 1) == 2\n")

    run = await solve(limited.top, answer(RIGHT + FAR), watch=Restless(grow))

    assert (run.status, run.landed) == ("error", ())
    assert "It was verified 4 times" in run.reason


@pytest.mark.slow
async def test_files_that_coder_itself_writes_in_the_folder_are_no_changes_of_the_user(
    limited: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_HOME", str(limited.top / "data"))
    log = MemoryLog()

    with (limited.top / "output.txt").open("w") as output:  # as `coder solve … > output.txt` has it

        def write() -> None:
            print("✓", file=output, flush=True)
            (limited.top / "data").mkdir(exist_ok=True)
            (limited.top / "data" / "runs.db").write_text("a run")

        run = await solve(limited.top, answer(RIGHT + FAR), watch=Restless(write), log=log)

    types = [event.type for event in await log.read(run.run_id)]
    assert (run.status, types.count("program.finished")) == ("solved", 1)


@pytest.mark.slow
async def test_a_file_that_the_user_made_meanwhile_is_left(repository: GitRepository) -> None:
    run = await solve(
        repository.top,
        answer(RIGHT + FAR) + answer("x = 1\n", "new.py"),
        happens=lambda: repository.write(new__py="mine\n"),
    )

    assert run.status == "error"
    assert (repository.top / "new.py").read_text() == "mine\n"
    assert _text(repository) == WRONG + FAR


@pytest.mark.slow
async def test_a_file_in_a_submodule_is_left_to_its_own_repository(
    repository: GitRepository, tmp_path: Path
) -> None:
    make_repository(tmp_path / "library", lib__py="lib\n")
    repository.git("submodule", "--quiet", "add", str(tmp_path / "library"), "vendor")
    repository.commit()

    run = await solve(repository.top, answer(RIGHT + FAR) + answer("mine\n", "vendor/lib.py"))

    assert run.status == "error"
    assert "the submodule vendor" in run.reason


@pytest.mark.slow
async def test_undo_gives_back_bytes_modes_and_new_files(repository: GitRepository) -> None:
    (repository.top / "calc.py").write_bytes((WRONG + FAR).replace("\n", "\r\n").encode())
    (repository.top / "calc.py").chmod(0o640)
    before = (repository.top / "calc.py").read_bytes()
    log = MemoryLog()
    run = await solve(repository.top, answer(RIGHT + FAR) + answer("#!/bin/sh\n", "run.sh"), log=log)
    assert run.landed == ("calc.py", "run.sh")
    assert (repository.top / "run.sh").stat().st_mode & 0o100

    await undo(run.run_id, log=log)

    assert (repository.top / "calc.py").read_bytes() == before
    assert (repository.top / "calc.py").stat().st_mode & 0o777 == 0o640
    assert not (repository.top / "run.sh").exists()


@pytest.mark.slow
async def test_the_log_of_a_large_folder_holds_no_contents_and_a_resume_reads_them_again(
    repository: GitRepository,
) -> None:
    (repository.top / "data").mkdir()
    for number in range(250):
        (repository.top / "data" / f"{number}.txt").write_text(f"content {number}\n")
    log = MemoryLog()
    stopped = await solve(repository.top, log=log)
    assert stopped.status == "error"
    repository.write(other__py="new\n")

    run = await resume(stopped.run_id, log=log, model=Scripted([answer(RIGHT + FAR)]))

    events = await log.read(run.run_id)
    assert "content 7" not in str(events[0].body)
    assert "other.py" in next(event.body for event in events if event.type == "files.changed")["files"]
    assert (run.status, run.landed) == ("solved", ("calc.py",))
    assert _text(repository) == RIGHT + FAR


def _text(repository: GitRepository) -> str:
    return (repository.top / "calc.py").read_text()


@pytest.mark.slow
async def test_a_test_is_changed_only_where_the_user_has_allowed_it(repository: GitRepository) -> None:
    weaker = TEST.replace("== 5", "== -1")

    run = await solve(repository.top, answer(weaker, "check.py"), answer(weaker, "check.py"))
    allowed = await solve(repository.top, answer(weaker, "check.py"), allow=("check.py",))

    assert (run.status, run.landed) == ("unsolved", ())
    assert (allowed.status, allowed.landed) == ("solved", ("check.py",))


@pytest.mark.slow
async def test_a_test_that_is_named_in_capitals_stays_as_it_is(repository: GitRepository) -> None:
    weaker = answer(TEST.replace("== 5", "== -1"), "CHECK.py")

    run = await solve(repository.top, weaker, weaker)

    assert (run.status, run.landed) == ("unsolved", ())
    assert (repository.top / "check.py").read_text() == TEST


@pytest.mark.slow
async def test_a_file_that_runs_by_itself_waits_for_its_word_and_lands_then_with_no_further_call(
    repository: GitRepository,
) -> None:
    log, flow = MemoryLog(), ".github/workflows/x.yml"
    both = answer(RIGHT + FAR) + f"`{flow}`\n```yaml\non: push\n```\n"

    first = await solve(repository.top, both, log=log)
    assert repository.git("status", "--porcelain") == "M calc.py"
    allowed = Settings(budget=Budget(samples=1, repairs=1), strategy="repair", allow=(flow,))
    resumed = await resume(first.run_id, log=log, settings=allowed, model=Scripted([]))

    assert (first.exit_code, first.left_out) == (8, {flow: "held"})
    assert (first.landed, {*resumed.landed}, resumed.calls) == (("calc.py",), {flow, "calc.py"}, 1)


@pytest.mark.slow
async def test_what_to_do_with_a_branch_is_said_in_git_s_own_letters(repository: GitRepository) -> None:
    log = MemoryLog()
    run = await solve(repository.top, answer(RIGHT + FAR), log=log, branch="Fix-Add")

    with pytest.raises(UsageError, match=r"Remove it with: git branch -D Fix-Add$"):
        await undo(run.run_id, log=log)
