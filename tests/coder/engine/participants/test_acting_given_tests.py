"""Given tests that a session edits, renames or deletes: they decide as they were, and the user on them."""

from pathlib import Path

import pytest

from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show.advice import next_steps
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest
from tests.recorded_runs import RECORDED

from .test_acting import DONE, bash, call, told

SETTINGS = Settings(strategy="act", python=only_pytest())
FILES = {
    "shelf.py": "def books():\n    return ['a']\n",
    "app.py": "def count():\n    from shelf import books\n\n    return len(books())\n",
    "tests/test_shelf.py": "from shelf import books\n\n\ndef test_books():\n    assert books() == ['a']\n",
    "tests/test_app.py": "import app\n\n\ndef test_count():\n    assert app.count() == 1\n",
}
MOVE = "git mv shelf.py rack.py; git mv tests/test_shelf.py tests/test_rack.py"
RENAME = f"{MOVE}; sed -i s/shelf/rack/g app.py tests/*.py"
DELETE = "git rm -q tests/test_shelf.py shelf.py; printf 'def count():\\n    return 1\\n' > app.py"
RENAMED = {path.replace("shelf", "rack"): text.replace("shelf", "rack") for path, text in FILES.items()}
pytestmark = [KEPT, RECORDED, KEPT_BASELINES, pytest.mark.slow]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder whose tests pass."""
    write(tmp_path, FILES)
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)


def held(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.*")}


async def worked(
    folder: Path, *answers: list[ToolCall], settings: Settings = SETTINGS, log: MemoryLog | None = None
) -> tuple[Run, Scripted]:
    task = Task(prompt="As it is ordered.", workspace=folder, test_command=("python", "-m", "pytest", "-q"))
    model = Scripted(answers)
    return await solve(task, model=model, settings=settings, log=log or MemoryLog()), model


async def allowed(run: Run, log: MemoryLog) -> Run:
    """The run, gone on with by the flags of the command that its screen names."""
    words = next_steps(run).partition(f"coder resume {run.run_id} ")[2].split()
    allow = tuple(word for word in words if not word.startswith("--"))
    settings = SETTINGS.model_copy(
        update={"accept_unverified": "--accept-unverified" in words, "allow": allow}
    )
    return await resume(run.run_id, model=Scripted([]), settings=settings, log=log)


async def test_a_rename_with_its_tests_is_remarked_once_and_then_left_to_the_user(library: Path) -> None:
    log = MemoryLog()

    run, model = await worked(library, bash(RENAME), DONE, DONE, log=log)

    assert "contradicts given tests, which fail as they were: tests/test_shelf.py." in told(model, 3)
    assert (run.status, run.calls, run.contradicts) == ("unverified", 3, ("tests/test_shelf.py",))
    assert {line.name for line in run.tests if line.passed} == {
        "tests/test_app.py::test_count",
        "tests/test_rack.py::test_books",
    }
    assert run.left_out == {"tests/test_shelf.py": "needs_allow"}
    assert ("tests/test_rack.py" in run.patch, "tests/test_shelf.py" in run.test_patch) == (True, True)
    assert held(library) == FILES

    landed = await allowed(run, log)

    assert (landed.exit_code, landed.calls, landed.left_out) == (0, 3, {})
    assert held(library) == RENAMED


async def test_a_test_that_is_deleted_with_its_feature_lands_with_it_or_not_at_all(library: Path) -> None:
    log = MemoryLog()

    run, _ = await worked(
        library, bash(DELETE), DONE, DONE, log=log, settings=SETTINGS.model_copy(update={"keep": True})
    )

    assert (run.status, run.landed, held(library)) == ("unverified", (), FILES)

    await allowed(run, log)

    assert sorted(held(library)) == ["app.py", "tests/test_app.py"]


async def test_files_that_configure_the_tests_are_part_of_what_the_user_allows(library: Path) -> None:
    log = MemoryLog()
    more = {"tests/conftest.py": "import shelf\n", "pyproject.toml": "[tool.x]\nmodules = ['shelf']\n"}
    write(library, more)

    run, _ = await worked(library, bash(f"{RENAME} pyproject.toml"), DONE, DONE, log=log)
    await allowed(run, log)

    assert (run.status, run.contradicts) == ("unverified", ("tests/conftest.py",))
    assert "import shelf" not in run.patch
    assert held(library) == RENAMED | {path: text.replace("shelf", "rack") for path, text in more.items()}


async def test_what_else_fails_is_told_though_a_given_test_cannot_be_collected(library: Path) -> None:
    run, model = await worked(
        library, bash(RENAME.replace("app.py ", "")), DONE, bash("sed -i s/shelf/rack/g app.py"), DONE, DONE
    )

    assert "This check fails: tests/test_app.py::test_count" in told(model, 3)
    assert "fail as they were: tests/test_shelf.py" in told(model, 3)
    assert (run.status, run.contradicts) == ("unverified", ("tests/test_shelf.py",))
    assert "+++ b/app.py" in run.patch


async def test_a_model_that_puts_the_tests_back_is_solved_by_them(library: Path) -> None:
    (library / "shelf.py").write_text("def books():\n    return []\n")
    wrong = "sed -i \"s/== \\['a'\\]/== []/; s/== 1/== 0/\" tests/*.py; echo '# same' >> shelf.py"
    right = "git checkout -q tests; printf \"def books():\\n    return ['a']\\n\" > shelf.py"

    run, model = await worked(library, bash(wrong), DONE, bash(right), DONE)

    assert "put these files back" in told(model, 3)
    assert (run.status, run.left_out) == ("solved", {})
    assert held(library) == FILES


async def test_at_a_limit_the_user_decides_too(library: Path) -> None:
    run, _ = await worked(
        library, bash(RENAME), DONE, settings=SETTINGS.model_copy(update={"budget": Budget(max_calls=2)})
    )

    assert (run.status, run.contradicts) == ("unverified", ("tests/test_shelf.py",))


async def test_a_change_of_given_tests_alone_needs_the_users_word(library: Path) -> None:
    log = MemoryLog()

    run, model = await worked(library, bash("git rm -q tests/test_shelf.py"), DONE, DONE, log=log)

    assert "it changes given tests alone" in told(model, 3)
    assert (run.status, run.patch, run.left_out) == ("unverified", "", {"tests/test_shelf.py": "needs_allow"})

    await allowed(run, log)

    assert sorted(held(library)) == ["app.py", "shelf.py", "tests/test_app.py"]


async def test_given_tests_that_break_where_they_are_changed_alone_are_told(library: Path) -> None:
    _, model = await worked(library, bash("echo 'assert 0' >> tests/test_app.py"), DONE, DONE)

    assert "This check fails: tests/test_app.py" in told(model, 3)


async def test_nothing_lands_by_half_where_the_command_runs_only_some_of_the_given_tests(
    library: Path,
) -> None:
    log = MemoryLog()
    (library / "tests/test_shelf.py").rename(library / "tests/it_shelf.py")
    write(
        library,
        {"more/test_it.py": FILES["tests/test_shelf.py"], "pytest.ini": "[pytest]\ntestpaths = tests\n"},
    )
    rename = "git mv shelf.py rack.py; sed -i s/shelf/rack/g app.py */*.py; echo 'BOXES = 1' >> rack.py"
    test = "from rack import BOXES\\n\\ndef test_boxes():\\n    assert BOXES"

    run, model = await worked(
        library, bash(f"{rename}; printf '{test}' > tests/test_new.py"), DONE, DONE, log=log
    )

    assert (run.status, run.landed, run.contradicts) == ("unverified", (), ("more/test_it.py",))
    assert "more/test_it.py" in told(model, 3)

    await allowed(run, log)

    assert "from rack import" in (library / "more/test_it.py").read_text()


async def test_a_check_on_the_second_done_tells_it_no_second_time(library: Path) -> None:
    check = [call("done", summary="Renamed.", check="python -c 'import rack'")]

    run, _ = await worked(library, bash(RENAME), DONE, check, DONE)

    assert (run.status, run.calls) == ("unverified", 3)


@pytest.mark.parametrize(
    ("line", "left_out"),
    [("s/1.0/2.0/", {}), ("s/1.0/2.0/; s/-q/-x/", {"pyproject.toml": "needs_allow"})],
    ids=["metadata", "settings of the tests too"],
)
async def test_metadata_beside_the_settings_of_the_tests_are_a_part_of_the_change(
    library: Path, line: str, left_out: dict[str, str]
) -> None:
    text = '[project]\nname = "shelf"\nversion = "1.0"\n[tool.pytest.ini_options]\naddopts = "-q"\n'
    write(library, {"pyproject.toml": text})

    run, _ = await worked(library, bash(f"sed -i '{line}' pyproject.toml"), DONE, DONE, DONE)

    assert (run.status, run.left_out) == ("unverified", left_out)
    assert ("pyproject.toml" in run.files) == (not left_out)
