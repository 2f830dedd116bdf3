"""Git starts nothing unsaid for `/commit` and `/pr`, and nothing that the model wrote."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_chat_git import MEND, WORDS, chat
from tests.coder.people.cli.test_fix import RIGHT, TEST, WRONG, code
from tests.faulty_endpoint import calls, faulty_endpoint, says
from tests.git_repository import GitRepository, make_repository

pytestmark = pytest.mark.slow


@pytest.fixture
def project(folder: Path) -> GitRepository:
    """A repository in which a file of no meaning can be executed."""
    repository = make_repository(folder, calc__py=WRONG, test_calc__py=TEST, check__sh="true\n")
    (repository.top / "check.sh").chmod(0o755)
    repository.commit()
    return repository


def committed(
    console: Console, project: GitRepository, path: str, *, asks: int = 2, **environ: str
) -> Finished:
    """A chat in which the model makes an executable file that leaves one beside the project, and a commit.

    Args:
        asks: questions before the file is written; one is about files that git starts.
    """
    make = f"mkdir -p $(dirname {path}); printf '#!/bin/sh\\ntouch ../ran\\n' > {path}; chmod +x {path}"
    with faulty_endpoint(calls("bash", command=make), says("Done."), WORDS) as endpoint:
        return chat(console, endpoint, "Make it.", *asks * ("y",), "/commit", "y", cwd=project.top, **environ)


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

    done = committed(console, project, "bin/gpg", asks=1, PATH=f"{project.top}/bin:{os.environ['PATH']}")

    assert "has written bin/gpg, which git may run outside" in done.err
    assert not (project.top.parent / "ran").exists()


def test_a_program_that_the_repository_names_in_its_configuration_is_told_before_it_runs(
    console: Console, project: GitRepository
) -> None:
    project.git("config", "core.fsmonitor", "touch ../ran; false")
    project.git("config", "filter.plain.required", "true")
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", "n", cwd=project.top)

    assert "may run outside of the sandbox: core.fsmonitor=touch ../ran; false\n" in done.err
    assert not (project.top.parent / "ran").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gpg.ssh.defaultKeyCommand", "touch ../ran"),
        ("pager.commit", f"{' ' * 200}touch ../ran"),
        ("core.pager", "touch \u202e../ran"),
        ("submodule.recurse", "true"),
        ("include.path", "../more"),
    ],
)
def test_a_setting_of_the_repository_that_may_run_a_program_is_told_whole(
    console: Console, project: GitRepository, key: str, value: str
) -> None:
    project.git("config", key, value)
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", "n", cwd=project.top)

    text, _, _ = done.err.partition("Run it?")
    setting = value.replace("\u202e", "\\u{202e}")
    assert f"may run outside of the sandbox: {key.lower()}={setting}\n" in text, done.err


def test_the_address_to_which_is_pushed_is_shown_before_a_yes(
    console: Console, project: GitRepository
) -> None:
    first = project.git("rev-parse", "HEAD")
    project.git("config", "protocol.ext.allow", "always")
    project.git("config", "remote.origin.url", "https://example.org/x")
    project.git("config", "url.ext::sh -c touch% ../ran% #.pushInsteadOf", "https://example.org/")
    project.git("update-ref", "refs/remotes/origin/main", first)
    project.write(calc__py=RIGHT)
    project.commit()
    project.git("switch", "--quiet", "--create", "sum")
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, "/pr", "n", cwd=project.top)

    text, _, _ = done.err.partition("Run it?")
    assert "pushes to ext::sh -c touch% ../ran% #x\n" in text, done.err
    assert "protocol.ext.allow=always\n" in text


def test_neither_gh_nor_git_finds_programs_in_the_repository(
    console: Console, project: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "remote.git").mkdir()
    GitRepository(tmp_path / "remote.git").git("init", "--quiet", "--bare")
    project.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    project.git("push", "--quiet", "origin", "main")
    for path in (project.top / "bin/git", project.top / "bin/gpg", tmp_path / "tools/gh"):
        path.parent.mkdir(exist_ok=True)
        text = "git --version" if path.name == "gh" else f"touch {tmp_path}/ran"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    project.write(calc__py=RIGHT)
    project.commit()
    project.git("switch", "--quiet", "--create", "sum")
    path = f"{project.top}/bin:bin:{tmp_path}/tools:{os.environ['PATH']}"
    with faulty_endpoint(WORDS) as endpoint:
        done = chat(console, endpoint, "/pr", "y", "y", cwd=project.top, PATH=path)

    assert "git version" in done.err, done.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("scope", ["--local", "--global"])
def test_the_script_that_a_filter_or_hook_starts_is_shown_before_a_yes_where_the_chat_wrote_it(
    console: Console, project: GitRepository, tmp_path: Path, scope: str
) -> None:
    (tmp_path / "gitconfig").write_text("")
    user = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
    subprocess.run(
        ["git", "config", scope, "filter.plain.clean", "scripts/lint.sh"],
        cwd=project.top, env={**os.environ, **user}, check=True,
    )  # fmt: skip
    make = "mkdir scripts; printf 'touch ../ran\\n' > scripts/lint.sh"
    with faulty_endpoint(calls("bash", command=make), says("Done."), WORDS) as endpoint:
        lines = ("/auto", "Make it.", "y", "/commit", "n")
        done = chat(console, endpoint, *lines, cwd=project.top, **user)

    text, _, _ = done.err.partition("Run it?")
    assert "may run outside of the sandbox: filter.plain.clean=scripts/lint.sh" in text, done.err
    assert "+touch ../ran" in text
    assert not (project.top.parent / "ran").exists()


def test_git_works_on_the_folders_repository_whatever_the_environment_says(
    console: Console, project: GitRepository, tmp_path: Path
) -> None:
    other = make_repository(tmp_path / "other", a__py="x = 1\n")
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(
            console, endpoint, *MEND, "/commit", "y", cwd=project.top, GIT_DIR=str(other.top / ".git")
        )

    assert project.git("show", "--name-only", "--format=") == "calc.py", done.err
    assert other.git("log", "--format=%s") == "First"


def test_a_chat_asks_about_a_dot_file_by_itself_also_where_what_passes_is_written_unasked(
    console: Console, project: GitRepository
) -> None:
    tool_calls = calls("bash", command="echo evil > .yarnrc; echo 1 > new.txt")
    with faulty_endpoint(tool_calls, says("Done.")) as endpoint:
        refusal = chat(console, endpoint, "/auto", "Make it.", cwd=project.top)
    with faulty_endpoint(tool_calls, says("Done.")) as endpoint:
        approval = chat(console, endpoint, "/auto", "Make it.", "y", cwd=project.top)

    assert "+evil" in refusal.out
    assert "Write what may run by itself later, too: .yarnrc?" in refusal.err, refusal.err
    assert (project.top / ".yarnrc").read_text() == "evil\n", approval.err


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
