"""What is read of a repository: what git tracks, and what is new and not ignored."""

import os
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.workspace.folder import take_snapshot
from tests.git_repository import GitRepository, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """A repository with one committed file that ignores its logs."""
    project = make_repository(tmp_path / "project", main__py="x = 1\n")
    (project.top / ".gitignore").write_text("*.log\n")
    project.commit()
    return project


def test_what_is_new_is_read_and_what_is_ignored_is_not(repository: GitRepository) -> None:
    repository.write(new__py="y\n", secret__log="key\n")

    assert list(take_snapshot(repository.top).files) == [".gitignore", "main.py", "new.py"]


def test_a_dirty_file_is_read_as_it_stands_and_a_removed_one_is_gone(repository: GitRepository) -> None:
    repository.write(two__py="committed\n", three__py="3\n")
    repository.commit()
    repository.write(two__py="dirty\n")
    (repository.top / "three.py").unlink()

    files = take_snapshot(repository.top).files

    assert files["two.py"].content == b"dirty\n"
    assert "three.py" not in files


def test_an_ignored_file_that_is_named_is_read(repository: GitRepository) -> None:
    repository.write(secret__log="key\n")

    assert "secret.log" in take_snapshot(repository.top, read=["*.log"]).files


def test_what_a_build_has_put_among_the_modules_is_read(repository: GitRepository) -> None:
    (repository.top / "pkg").mkdir()
    (repository.top / "pkg" / "__init__.py").write_text("from pkg._version import version\n")
    (repository.top / ".gitignore").write_text("_version.py\n*_pb2.py\nlocal_settings.py\n")
    repository.commit()
    for name in ("_version", "api_pb2", "local_settings"):
        (repository.top / "pkg" / f"{name}.py").write_text("1\n")

    files = list(take_snapshot(repository.top).files)

    assert files == [".gitignore", "main.py", "pkg/__init__.py", "pkg/_version.py", "pkg/api_pb2.py"]


def test_a_glob_that_leaves_the_folder_is_refused(repository: GitRepository) -> None:
    with pytest.raises(UsageError, match="--read"):
        take_snapshot(repository.top, read=["/etc/*"])


def test_the_users_own_ignore_file_counts(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    home = repository.top.parent / "home"
    (home / "git").mkdir(parents=True)
    (home / "git" / "ignore").write_text("*.tmp\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "none"))
    (repository.top / ".git" / "info" / "exclude").write_text("*.mine\n")
    repository.write(a__tmp="1", b__mine="2", c__txt="3")

    assert list(take_snapshot(repository.top).files) == [".gitignore", "c.txt", "main.py"]


def test_environments_and_caches_that_nobody_ignores_are_left_out(repository: GitRepository) -> None:
    for path in (
        ".venv/lib/a.py",
        "env/pyvenv.cfg",
        "env/lib/b.py",
        "node_modules/c.js",
        "__pycache__/d.pyc",
    ):
        (repository.top / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.top / path).write_text("x")

    assert list(take_snapshot(repository.top).files) == [".gitignore", "main.py"]


def test_a_folder_below_the_top_is_read_by_itself(repository: GitRepository) -> None:
    (repository.top / "sub").mkdir()
    (repository.top / "sub" / "a.py").write_text("1")
    (repository.top / "sub" / "a.log").write_text("1")
    repository.commit()

    assert list(take_snapshot(repository.top / "sub").files) == ["a.py"]


def test_a_folder_that_git_ignores_as_a_whole_is_read_when_it_is_named(repository: GitRepository) -> None:
    (repository.top / "out.log").mkdir()
    (repository.top / "out.log" / "a.py").write_text("1")

    assert list(take_snapshot(repository.top / "out.log").files) == ["a.py"]


def test_a_link_within_the_tree_is_read_as_its_file_and_one_that_leaves_it_is_not(
    repository: GitRepository,
) -> None:
    (repository.top / "docs").mkdir()
    (repository.top / "docs" / "main.py").symlink_to("../main.py")
    (repository.top / "out").symlink_to(repository.top.parent / "outside")
    (repository.top.parent / "outside").write_text("secret")
    repository.commit()

    snapshot = take_snapshot(repository.top)

    assert snapshot.files["docs/main.py"].content == b"x = 1\n"
    assert "out" not in snapshot.files
    assert [note.partition(":")[0] for note in snapshot.notes] == ["out"]


@pytest.mark.slow
def test_the_files_of_a_submodule_are_read_and_a_strange_repository_is_not(
    repository: GitRepository, tmp_path: Path
) -> None:
    make_repository(tmp_path / "library", lib__py="lib\n")
    repository.git("submodule", "--quiet", "add", str(tmp_path / "library"), "vendor")
    repository.commit()
    make_repository(repository.top / "clone", theirs__py="theirs\n")

    snapshot = take_snapshot(repository.top)

    assert list(snapshot.files) == [".gitignore", ".gitmodules", "main.py", "vendor/lib.py"]
    assert snapshot.notes == ("clone: left out, a repository of its own",)


def test_an_lfs_pointer_is_said_to_be_one(repository: GitRepository) -> None:
    repository.write(big__bin="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")

    assert take_snapshot(repository.top).notes == (
        "big.bin is here as LFS pointers, without content: git lfs pull",
    )


def test_a_linked_work_tree_a_detached_head_and_a_merge_in_progress_are_read(
    repository: GitRepository,
) -> None:
    linked = repository.top.parent / "linked"
    repository.git("worktree", "add", "--quiet", "--detach", str(linked))
    repository.git("checkout", "--quiet", "-b", "other")
    repository.write(main__py="x = 2\n")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.write(main__py="x = 3\n")
    repository.commit()
    with pytest.raises(Exception, match="merge"):
        repository.git("merge", "other")

    assert take_snapshot(linked).files["main.py"].content == b"x = 1\n"
    assert b"<<<<<<<" in take_snapshot(repository.top).files["main.py"].content


@pytest.mark.parametrize("setting", ["core.splitIndex", "index.sparse", "core.untrackedCache"])
def test_indexes_of_every_kind_are_read(repository: GitRepository, setting: str) -> None:
    repository.git("config", setting, "true")
    if setting == "core.splitIndex":
        repository.git("update-index", "--split-index")
    repository.write(two__py="2\n")
    repository.git("add", "two.py")

    assert list(take_snapshot(repository.top).files) == [".gitignore", "main.py", "two.py"]


def test_a_repository_with_long_hashes_is_read(tmp_path: Path) -> None:
    project = GitRepository(tmp_path)
    project.git("init", "--quiet", "--object-format=sha256")
    project.write(a__py="1")
    project.commit()

    assert list(take_snapshot(tmp_path).files) == ["a.py"]


def test_an_empty_repository_is_an_empty_folder(tmp_path: Path) -> None:
    make_repository(tmp_path / "empty")

    assert take_snapshot(tmp_path / "empty").files == {}


def test_a_bare_repository_says_to_clone_it(tmp_path: Path) -> None:
    GitRepository(tmp_path).git("init", "--quiet", "--bare", "bare.git")

    with pytest.raises(UsageError, match="git clone"):
        take_snapshot(tmp_path / "bare.git")


def test_a_broken_repository_is_read_as_a_folder_and_said_to_be(repository: GitRepository) -> None:
    (repository.top / ".git" / "index").write_bytes(b"not an index")

    snapshot = take_snapshot(repository.top)

    assert list(snapshot.files) == [".gitignore", "main.py"]
    assert "without git" in snapshot.notes[0]


def test_without_git_on_the_machine_the_folder_is_read(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)

    assert list(take_snapshot(repository.top).files) == [".gitignore", "main.py"]


def test_a_git_file_that_leads_nowhere_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    (tmp_path / "a.py").write_text("1")

    assert list(take_snapshot(tmp_path).files) == ["a.py"]
