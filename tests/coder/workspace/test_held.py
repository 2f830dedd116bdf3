"""What may run by itself later lands only by the user's word; git's folders and coder's are never written."""

import os
import stat
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.engine import agent
from coder.engine.resume import resume
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.workspace.folder import Snapshot
from coder.workspace.git.run_git import program_outside
from coder.workspace.landing import ForbiddenPath, plan
from coder.workspace.take_back import undo
from tests.git_repository import make_repository
from tests.memory_log import MemoryLog

ADD = "def add(a, b):\n    return a + b\n"
CHECK = "assert add(2, 3) == 5"


def files(**contents: str) -> str:
    """An answer with the solution, and with these files: `__` is a slash, `DOT` a dot, `DASH` a dash."""
    contents_by_path = {
        name.replace("__", "/").replace("DOT", ".").replace("DASH", "-"): text
        for name, text in contents.items()
    }
    return "".join(
        f"`{path}`\n```\n{text}\n```\n" for path, text in {"solution.py": ADD, **contents_by_path}.items()
    )


async def solve(folder: Path, answer: str, log: MemoryLog | None = None, **more: object) -> Run:
    settings = Settings(budget=Budget(samples=1, repairs=0), strategy="repair", **more)  # type: ignore[arg-type]
    task = Task(prompt="Write add(a, b).", workspace=folder, checks=(CHECK,))
    return await agent.solve(task, settings=settings, model=Scripted([answer]), log=log or MemoryLog())


@pytest.mark.parametrize("inner", [".git/hooks", ".git/modules/x", ".git/worktrees/x", "link"])
async def test_no_folder_of_git_is_a_workspace_by_whatever_path(tmp_path: Path, inner: str) -> None:
    repository = make_repository(tmp_path / "project", a__py="x = 1\n")
    (repository.top / "link").symlink_to(".git/hooks")
    folder = repository.top / inner
    folder.mkdir(parents=True, exist_ok=True)

    with pytest.raises(UsageError, match="belongs to git"):
        await solve(folder, files())

    assert not (folder / "solution.py").exists()


async def test_a_folder_within_a_bare_repository_is_no_workspace(tmp_path: Path) -> None:
    make_repository(tmp_path).git("init", "--quiet", "--bare", "outside/bare")

    with pytest.raises(UsageError, match="belongs to git"):
        await solve(tmp_path / "outside" / "bare" / "hooks", files())


@pytest.mark.slow
async def test_a_work_tree_beside_the_files_of_its_bare_repository_is_one(tmp_path: Path) -> None:
    source = make_repository(tmp_path / "source", a__py="x = 1\n")
    source.git("clone", "--quiet", "--bare", str(source.top), str(tmp_path / "bare"))
    source.git("-C", str(tmp_path / "bare"), "worktree", "add", "--quiet", "tree", "main")

    run = await solve(tmp_path / "bare" / "tree", files())

    assert (run.status, run.landed) == ("solved", ("solution.py",))


@pytest.mark.slow
async def test_a_resumed_run_does_not_write_where_its_folder_became_one_of_git(tmp_path: Path) -> None:
    folder, log = tmp_path / "project", MemoryLog()
    folder.mkdir()
    run = await solve(folder, files(), log, apply=False)
    folder.rmdir()
    (tmp_path / ".git").mkdir()
    folder.symlink_to(tmp_path / ".git")

    resumed = await resume(run.run_id, log=log, model=Scripted([]), settings=Settings(apply=True))

    assert (resumed.exit_code, [*(tmp_path / ".git").iterdir()]) == (2, [])


@pytest.mark.parametrize("there", [{}, {"HEAD": b"ref: refs/heads/main\n", "refs/a": b""}])
def test_files_of_a_bare_repository_do_not_land(tmp_path: Path, there: dict[str, bytes]) -> None:
    for path, content in there.items():
        (tmp_path / "x" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / path).write_bytes(content)
    repository_files = {
        "x/HEAD": b"ref: refs/heads/main\n",
        "x/Config": b"[core]",
        "x/objects/a": b"",
        "x/refs/a": b"",
    }
    files = {
        path: content for path, content in repository_files.items() if path.removeprefix("x/") not in there
    }

    with pytest.raises(ForbiddenPath, match="would be a repository to git"):
        plan(Snapshot(tmp_path, {}), files)


@pytest.mark.parametrize(
    "name", [".git /hooks", ".GIT./x", ".gıt/x", "．git/x", "a/.git::$INDEX_ALLOCATION/x", "GIT~2/x"]
)
def test_what_some_file_system_takes_for_git_does_not_land(tmp_path: Path, name: str) -> None:
    with pytest.raises(ForbiddenPath, match="belongs to git"):
        plan(Snapshot(tmp_path, {}), {name: b"x"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        ".yarnrc", ".pnpmfile.cjs", "rust-toolchain.toml", ".config/autostart/x.desktop", ".bash_aliases",
        ".gitattributes", ".GitAttributes", "sub/.eslintrc.js", ".unheard-of/x.txt",
    ],
)  # fmt: skip
async def test_a_new_dot_file_is_left_out_and_named_and_the_rest_lands(tmp_path: Path, path: str) -> None:
    run = await solve(tmp_path, f"{files()}`{path}`\n```\nx\n```\n")

    assert (run.exit_code, run.status, run.landed) == (8, "unverified", ("solution.py",))
    assert run.left_out == {path: "held"}
    assert "+x" in run.test_patch
    assert not (tmp_path / path).exists()


async def test_a_harmless_dot_file_lands(tmp_path: Path) -> None:
    run = await solve(tmp_path, files(DOTgitignore="*.log", DOTeditorconfig="root = true"))

    assert (run.exit_code, run.landed) == (0, (".editorconfig", ".gitignore", "solution.py"))


async def test_a_file_that_is_allowed_later_lands_beside_the_rest_and_both_are_undone(tmp_path: Path) -> None:
    log = MemoryLog()
    run = await solve(tmp_path, files(DOTyarnrc="x"), log)
    allowed = Settings(allow=(".yarnrc",), strategy="repair")

    resumed = await resume(run.run_id, log=log, model=Scripted([]), settings=allowed)

    assert (resumed.exit_code, sorted(resumed.landed)) == (0, [".yarnrc", "solution.py"])
    await undo(run.run_id, log=log)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("core.hooksPath", "hooks"),
        ("filter.plain.clean", "sh ./hooks/pre-commit.sh %f"),
        ("filter.plain.clean", '"$PWD/x" || hooks/pre-commit.sh'),
    ],
)
async def test_what_hooks_and_filters_of_the_repository_start_is_left_out(
    tmp_path: Path, key: str, value: str
) -> None:
    make_repository(tmp_path, a__py="x = 1\n").git("config", key, value)

    run = await solve(tmp_path, files(hooks__preDASHcommitDOTsh="touch ran"))

    assert (run.exit_code, run.left_out) == (8, {"hooks/pre-commit.sh": "held"})
    assert run.landed == ("solution.py",)


async def test_a_pattern_allows_no_dot_file(tmp_path: Path) -> None:
    run = await solve(tmp_path, files(DOTyarnrc="x"), allow=("*",))

    assert run.left_out == {".yarnrc": "held"}


@pytest.mark.parametrize("above", [".", "home", ".."])
async def test_each_file_is_asked_about_where_the_folder_holds_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, above: str
) -> None:
    folder = tmp_path / "users" / "home"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    workspace = (folder / above).resolve() if above != "home" else folder

    run = await solve(workspace, files())

    assert (run.exit_code, run.landed, run.left_out) == (8, (), {"solution.py": "held"})


@pytest.mark.slow
async def test_a_dot_folder_of_the_home_folder_as_workspace_counts_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "authorized_keys").write_text("old\n")

    run = await solve(tmp_path / ".ssh", files(authorized_keys="new"))

    assert (run.landed, {*run.left_out}) == ((), {"authorized_keys", "solution.py"})


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"])
async def test_nothing_lands_in_coders_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "etc"))

    run = await solve(tmp_path, files(etc__coder__configDOTtoml="x"), allow=("etc/coder/config.toml",))

    assert (run.exit_code, run.landed) == (2, ())
    assert "belongs to coder itself" in run.reason


def test_git_is_never_taken_from_the_repository_or_one_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = make_repository(tmp_path / "outer", a__py="")
    inner = make_repository(outer.top / "inner", a__py="")
    (outer.top / "bin").mkdir()
    program = outer.top / "bin" / "git"
    program.write_text("#!/bin/sh\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "git").symlink_to(program)
    monkeypatch.setenv("PATH", f"{outer.top}/bin:{tmp_path}/links:{os.environ['PATH']}")

    git_path = program_outside("git", inner.top)

    assert git_path is not None
    assert not Path(git_path).is_relative_to(tmp_path)


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "XDG_DATA_HOME"])
@pytest.mark.parametrize(("inner", "path"), [("", "etc/git/config.txt"), ("etc/git", "config.txt")])
async def test_settings_are_asked_about_wherever_the_environment_puts_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, inner: str, path: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "etc"))
    (tmp_path / "etc" / "git").mkdir(parents=True)

    run = await solve(tmp_path / inner, f"{files()}`{path}`\n```\n[core]\n```\n")

    assert (run.exit_code, path in run.left_out, (tmp_path / inner / path).exists()) == (8, True, False)


@pytest.mark.slow
async def test_a_repository_below_a_folder_of_settings_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    repository = make_repository(tmp_path / "project", a__py="x = 1\n")

    assert (await solve(repository.top, files())).landed == ("solution.py",)


@pytest.mark.parametrize("path", ["sitecustomize/__init__.py", "lib/usercustomize/x.py"])
async def test_a_package_that_python_runs_at_its_start_is_left_out(tmp_path: Path, path: str) -> None:
    run = await solve(tmp_path, f"{files()}`{path}`\n```\nx = 1\n```\n")

    assert (run.left_out, run.landed) == ({path: "held"}, ("solution.py",))
