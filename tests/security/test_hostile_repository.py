"""A repository whose configuration names programs: none of them is started, whatever a run does with it."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from coder.workspace.folder import take_snapshot
from coder.workspace.git.commit import CommittedFile, commit
from coder.workspace.git.known_files import contents_at_head
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository

_HOOKS = (
    "pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "post-index-change", "post-checkout",
    "reference-transaction", "pre-auto-gc", "fsmonitor-watchman", "post-rewrite",
)  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A repository that starts a program at every chance that git gives it."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    repository = make_repository(tmp_path / "project", main__py="x = 1\n", other__txt="text\n")
    (repository.top / ".gitattributes").write_text("*.txt filter=evil diff=evil merge=evil\n*.py text=auto\n")
    repository.commit()
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/STARTED-$(basename $0)\ncat\n")
    program.chmod(0o755)
    hooks = repository.top / ".git" / "hooks"
    for name in _HOOKS:
        hooks.mkdir(exist_ok=True)
        (hooks / name).symlink_to(program)
    more = tmp_path / "included"
    more.write_text(f"[core]\n\tfsmonitor = {program}\n")
    with (repository.top / ".git" / "config").open("a") as config:
        config.write(_config(str(program), str(hooks), str(more)))
    repository.write(main__py="x = 2\n", other__txt="changed\n", new__txt="new\n")
    return repository


def test_the_traps_are_real(hostile: GitRepository, tmp_path: Path) -> None:
    with suppress(subprocess.CalledProcessError):
        hostile.git("status")
    with suppress(subprocess.CalledProcessError):
        hostile.git("add", "other.txt")

    assert _started(tmp_path)


def test_reading_a_repository_starts_nothing(hostile: GitRepository, tmp_path: Path) -> None:
    files = take_snapshot(hostile.top).files
    before = contents_at_head(hostile.top, ["main.py", "other.txt"])

    assert files["other.txt"].content == b"changed\n"
    assert before == {"main.py": b"x = 1\n", "other.txt": b"text\n"}
    assert _started(tmp_path) == []


@pytest.mark.parametrize("branch", [None, "side"])
def test_committing_starts_nothing(hostile: GitRepository, tmp_path: Path, branch: str | None) -> None:
    commit_result = commit(
        hostile.top, {"main.py": CommittedFile(b"x = 1\n", b"x = 2\n")}, message="Mend x", branch=branch
    )

    assert len(commit_result.commit) == 40
    assert _started(tmp_path) == []


def test_a_pipe_in_place_of_the_configuration_does_not_hang(hostile: GitRepository) -> None:
    config = hostile.top / ".git" / "config"
    config.unlink()
    os.mkfifo(config)

    assert "main.py" in take_snapshot(hostile.top).files


def test_an_index_that_names_paths_outside_gives_nothing_away(hostile: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    blob = hostile.git("rev-parse", "HEAD:main.py")
    hostile.git("update-index", "--add", "--cacheinfo", f"100644,{blob},aa/secret")
    index = hostile.top / ".git" / "index"
    index.write_bytes(index.read_bytes().replace(b"aa/secret", b"../secret"))

    assert not [path for path in take_snapshot(hostile.top).files if "secret" in path]


def _config(program: str, hooks: str, more: str) -> str:
    return f"""
[core]
\tfsmonitor = {program}
\thooksPath = {hooks}
\tpager = {program}
\teditor = {program}
\tsshCommand = {program}
\taskPass = {program}
\tgitProxy = {program}
\talternateRefsCommand = {program}
\tworktree = /
[filter "evil"]
\tclean = {program}
\tsmudge = {program}
\tprocess = {program}
\trequired = true
[diff]
\texternal = {program}
[diff "evil"]
\tcommand = {program}
\ttextconv = {program}
[merge "evil"]
\tdriver = {program}
[alias]
\tls-files = !{program}
\tcommit-tree = !{program}
[gpg]
\tprogram = {program}
[commit]
\tgpgSign = true
[user]
\tsigningKey = mine
[credential]
\thelper = !{program}
[include]
\tpath = {more}
[extensions]
\tpartialClone = origin
[remote "origin"]
\turl = ext::{program}
\tpromisor = true
[safe]
\tdirectory = *
"""


def _started(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("STARTED"))
