"""Tasks are found in folders and in git repositories, and a repository starts nothing."""

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.cli.bench_endings import name_or_path
from benchmarks.harbor.source import fetch, open_source, split_ref
from benchmarks.harbor.task import read_task
from benchmarks.suite import UnreadableCase
from benchmarks.suites.load import load_suite
from coder.base.errors import UsageError
from tests.benchmarks.harbor.conftest import WriteTask
from tests.git_repository import GitRepository


@pytest.fixture
def repository(tmp_path: Path, write_task: WriteTask) -> GitRepository:
    """A repository with the task `greet`, on the branch `main`."""
    top = tmp_path / "repository"
    top.mkdir()
    repository = GitRepository(top)
    repository.git("init", "--quiet", "--initial-branch=main")
    (top / "tasks").mkdir()
    shutil.move(write_task(), top / "tasks" / "greet")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "-m", "Add a task")
    return repository


def names_of(source: str) -> list[str]:
    """Return the names of a source's tasks."""
    return [read_task(folder).name for folder in open_source(source).folders]


def test_a_folder_is_one_task_or_holds_tasks_at_any_level(write_task: WriteTask, tmp_path: Path) -> None:
    one = write_task(name="tasks/b")
    write_task("[task]\nname = 'acme/a'", name="tasks/deeper/still/x")
    write_task(name="tasks/.hidden/c")

    assert names_of(f"harbor:{one}") == ["b"]
    assert names_of(f"harbor:{tmp_path}") == ["b", "acme/a"]


def test_files_of_a_task_are_no_tasks(write_task: WriteTask) -> None:
    folder = write_task(**{"environment/fixture/task.toml": ""})

    assert names_of(f"harbor:{folder.parent}") == ["greet"]


def test_a_link_to_tasks_is_not_followed(write_task: WriteTask, tmp_path: Path) -> None:
    write_task(name="tasks/b")
    (tmp_path / "tasks" / "again").symlink_to(tmp_path / "tasks")

    assert names_of(f"harbor:{tmp_path / 'tasks'}") == ["b"]


def test_two_tasks_of_one_name_are_refused(write_task: WriteTask, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_task("[task]\nname = 'acme/same'", name=name)

    with pytest.raises(UsageError, match="acme/same"):
        load_suite(f"harbor:{tmp_path}")


@pytest.mark.parametrize("source", ["harbor:{}", "harbor:{}/none", "{}"])
def test_a_source_without_tasks_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(UsageError):
        open_source(source.format(tmp_path))


@pytest.mark.parametrize(
    ("text", "url", "ref"),
    [
        ("https://host/o/r", "https://host/o/r", "HEAD"),
        ("https://host/o/r@v1", "https://host/o/r", "v1"),
        ("https://me@host/o/r", "https://me@host/o/r", "HEAD"),
        ("https://me@host/o/r@a/b", "https://me@host/o/r", "a/b"),
        ("git@host:o/r.git", "git@host:o/r.git", "HEAD"),
        ("git@host:o/r.git@main", "git@host:o/r.git", "main"),
        ("/srv/r@main", "/srv/r", "main"),
        ("https://me@host", "https://me@host", "HEAD"),
    ],
)
def test_a_ref_follows_the_last_at_sign_behind_the_host(text: str, url: str, ref: str) -> None:
    assert split_ref(text) == (url, ref)


@pytest.mark.parametrize(
    "text", ["", "@main", "--upload-pack=x", "https://host/r@--exec=x", "https://host/r@"]
)
def test_an_option_of_git_is_no_url_and_no_ref(text: str) -> None:
    with pytest.raises(UsageError, match="URL@REF"):
        split_ref(text)


@pytest.mark.slow
def test_a_repository_is_fetched_at_a_branch_a_tag_or_a_commit(
    repository: GitRepository, tmp_path: Path
) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1")
    (repository.top / "tasks" / "greet" / "instruction.md").write_text("Second.")
    repository.git("commit", "--quiet", "-am", "Change it")

    texts = {
        ref: open_source(f"git:{repository.top}@{ref}", cache=tmp_path / "cache")
        for ref in ("main", "v1", first)
    }

    assert read_task(texts["main"].folders[0]).steps[0].instruction == "Second."
    assert read_task(texts["v1"].folders[0]).steps == read_task(texts[first].folders[0]).steps
    assert texts["v1"].commit == texts[first].commit == first
    assert len(list((tmp_path / "cache").glob("*/*"))) == 2


def test_a_ref_that_is_not_there_is_named(repository: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such"):
        open_source(f"git:{repository.top}@no-such", cache=tmp_path / "cache")


def test_a_transport_that_runs_a_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        open_source(f"git:ext::sh -c 'touch {tmp_path}/ran'", cache=tmp_path / "cache")

    assert not (tmp_path / "ran").exists()


def test_a_repository_starts_no_hook_no_filter_and_no_submodule(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, hooks = tmp_path / "ran", tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {ran}\n")
    (hooks / "post-checkout").chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[core]\n\thooksPath = {hooks}\n[filter "run"]\n\tsmudge = sh -c "touch {ran}; cat"\n'
        "[submodule]\n\trecurse = true\n"
    )
    (repository.top / ".gitattributes").write_text("* filter=run\n")
    (repository.top / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = s\n\turl = {tmp_path}/none\n')
    repository.git("add", ".")
    repository.git("commit", "--quiet", "-m", "Name a filter and a submodule")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))

    folder, _ = fetch(str(repository.top), "main", tmp_path / "cache")

    assert (folder / "tasks" / "greet" / "task.toml").exists()
    assert not ran.exists()


def test_the_hook_and_the_filter_of_that_test_run_where_git_is_called_as_usual(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    repository = GitRepository(tmp_path / "repository")
    repository.top.mkdir()
    repository.git("init", "--quiet", "--initial-branch=main")
    (repository.top / ".gitattributes").write_text("* filter=run\n")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "-m", "Name a filter")

    repository.git(
        "-c", f'filter.run.smudge=sh -c "touch {ran}; cat"', "clone", "--quiet",
        "-c", f'filter.run.smudge=sh -c "touch {ran}; cat"', str(repository.top), str(tmp_path / "clone"),
    )  # fmt: skip

    assert ran.exists()


def test_a_suite_is_the_same_by_prefix_by_path_and_from_another_folder(
    write_task: WriteTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_task().parent
    monkeypatch.chdir(folder.parent)

    names = (f"harbor:{folder.name}", f"harbor:{folder}", folder.name)
    digests = {load_suite(name).digest for name in (*names, name_or_path(names[0]))}

    assert len(digests) == 1
    assert load_suite(names[0]).cases[0].id == "greet"


LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    "toml",
    [
        f"[environment]\ncpus = {LARGEST + 1}",
        f"[environment]\ncpus = {10**400}",
        f"[environment]\nmemory_mb = {LARGEST}",
        "[environment]\nbuild_timeout_sec = 1e300",
        "[environment]\nos = 'windows'",
        "= not TOML",
    ],
)
def test_a_task_that_can_not_be_read_is_one_case_and_the_others_are_read(
    write_task: WriteTask, tmp_path: Path, toml: str
) -> None:
    write_task()
    write_task(toml, name="odd")

    good, bad = load_suite(f"harbor:{tmp_path}").cases

    assert (good.id, good.kind, bad.id) == ("greet", "harbor", "odd")
    assert isinstance(bad, UnreadableCase)
    assert "odd/task.toml" in bad.reason


def test_a_task_may_have_a_file_whose_name_is_not_utf_8(write_task: WriteTask, tmp_path: Path) -> None:
    write_task()
    odd = write_task(name="odd")
    (odd / "environment" / os.fsdecode(b"caf\xe9.txt")).write_text("menu")

    before = load_suite(f"harbor:{tmp_path}")
    (odd / "environment" / os.fsdecode(b"caf\xe9.txt")).rename(odd / "environment" / "menu.txt")
    after = load_suite(f"harbor:{tmp_path}")

    assert [case.kind for case in before.cases] == ["harbor", "harbor"]
    assert before.digest != after.digest
