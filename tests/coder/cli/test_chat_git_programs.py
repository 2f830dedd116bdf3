"""Git starts nothing unsaid for `/commit` and `/pr`, and nothing that the model wrote."""

import os
from pathlib import Path

import pytest

from tests.coder.cli.console import Console, Finished
from tests.coder.cli.test_chat_git import MEND, WORDS, chat
from tests.coder.cli.test_fix import RIGHT, TEST, WRONG, code
from tests.faulty_endpoint import calls, faulty_endpoint, says
from tests.git_repository import GitRepository, make_repository

pytestmark = pytest.mark.slow


@pytest.fixture
def project(folder: Path) -> GitRepository:
    """A repository in which a file of no meaning can be executed."""
    made = make_repository(folder, calc__py=WRONG, test_calc__py=TEST, check__sh="true\n")
    (made.top / "check.sh").chmod(0o755)
    made.commit()
    return made


def committed(console: Console, project: GitRepository, path: str, **environ: str) -> Finished:
    """A chat in which the model makes an executable file that leaves one beside the project, and a commit."""
    make = f"mkdir -p $(dirname {path}); printf '#!/bin/sh\\ntouch ../ran\\n' > {path}; chmod +x {path}"
    with faulty_endpoint(calls("bash", command=make), says("Done."), WORDS) as endpoint:
        return chat(console, endpoint, "Make it.", "y", "/commit", "y", cwd=project.top, **environ)


def test_a_hook_that_git_calls_by_itself_is_not_started(console: Console, project: GitRepository) -> None:
    project.git("config", "core.hooksPath", "hooks")

    done = committed(console, project, "hooks/post-index-change")

    assert "has written hooks/post-index-change, which git may run outside" in done.err
    assert not (project.top.parent / "ran").exists()


def test_a_file_that_a_hook_is_a_link_to_is_not_started(console: Console, project: GitRepository) -> None:
    hooks = project.top / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-commit").symlink_to("../../check.sh")

    done = committed(console, project, "check.sh")

    assert "has written check.sh, which git may run outside" in done.err
    assert not (project.top.parent / "ran").exists()


def test_a_program_that_git_would_find_on_path_is_not_started(
    console: Console, project: GitRepository
) -> None:
    project.git("config", "commit.gpgsign", "true")

    done = committed(console, project, "bin/gpg", PATH=f"{project.top}/bin:{os.environ['PATH']}")

    assert "has written bin/gpg, which git may run outside" in done.err
    assert not (project.top.parent / "ran").exists()


def test_a_program_that_the_repository_names_in_its_configuration_is_told_before_it_runs(
    console: Console, project: GitRepository
) -> None:
    project.git("config", "core.fsmonitor", "touch ../ran; false")
    project.git("config", "filter.plain.required", "true")
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", "n", cwd=project.top)

    assert "runs outside of the sandbox: core.fsmonitor=touch ../ran; false\n" in done.err
    assert not (project.top.parent / "ran").exists()


def test_a_remote_or_a_branch_that_git_would_take_for_a_flag_is_not_named_to_it(
    console: Console, project: GitRepository
) -> None:
    project.git("config", "branch.main.remote", f"--output={project.top.parent}/ran")
    project.git("config", f"remote.--output={project.top.parent}/ran.url", "/nowhere")
    with faulty_endpoint() as endpoint:
        remote = chat(console, endpoint, "/pr", "y", cwd=project.top)
        project.git("symbolic-ref", "HEAD", "refs/heads/--receive-pack=touch")
        branch = chat(console, endpoint, "/pr", "y", cwd=project.top)

    assert "has no remote to push to" in remote.err
    assert "--receive-pack=touch can't be named to git" in branch.err
    assert not [*project.top.parent.glob("ran*")]


def test_a_branch_that_follows_another_one_here_is_pushed_to_the_usual_remote(
    console: Console, project: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "remote.git").mkdir()
    GitRepository(tmp_path / "remote.git").git("init", "--quiet", "--bare")
    project.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    project.git("push", "--quiet", "origin", "main")
    project.write(calc__py=RIGHT)
    project.commit()
    with faulty_endpoint() as endpoint:
        unnamed = chat(console, endpoint, "/pr 修复", "n", cwd=project.top)
        project.git("switch", "--quiet", "--create", "sum", "--track", "main")
        done = chat(console, endpoint, "/pr", "y", cwd=project.top)

    assert "$ git switch --create change" in unnamed.err
    assert "$ git push --set-upstream origin sum" in done.err
