"""`/commit` and `/pr` in a chat: a real git, a remote on disk, and a `gh` that notes its arguments."""

import os
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_fix import RIGHT, TEST, WRONG, code, replaced
from tests.faulty_endpoint import FaultyEndpoint, calls, error, faulty_endpoint, says
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository

MESSAGE = "Add the numbers\n\nThe sign was wrong."
WORDS = says(MESSAGE)
MEND = ("Mend it.", "y")


@pytest.fixture
def project(folder: Path) -> GitRepository:
    """A repository whose last commit has a wrong file."""
    return make_repository(folder, calc__py=WRONG, test_calc__py=TEST)


def chat(console: Console, endpoint: FaultyEndpoint, *lines: str, cwd: Path, **environ: str) -> Finished:
    model = ("--base-url", endpoint.url, "-m", "toy", "--no-test")
    typed = "".join(f"{line}\n" for line in lines).encode()
    return console.run("chat", *model, cwd=cwd, stdin=typed, **ENVIRONMENT | environ)


@pytest.mark.slow
def test_what_a_chat_has_written_is_committed_in_the_models_words_and_nothing_else_is(
    console: Console, project: GitRepository
) -> None:
    project.write(notes__txt="mine\n", test_calc__py=f"{TEST}\n")
    project.git("add", "notes.txt")
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", "y", "/cost", cwd=project.top)

    assert project.git("log", "-1", "--format=%B%an") == f"{MESSAGE}\nAda", done.err
    assert project.git("show", "--name-only", "--format=") == "calc.py"
    assert project.git("status", "--porcelain") == "A  notes.txt\n M test_calc.py"
    assert "stays out: notes.txt, test_calc.py" in done.err
    assert "$ git commit --file=MESSAGE -- calc.py" in done.err
    prompt = endpoint.requests[1].body["messages"][-1]["content"]
    assert "+    return a + b" in prompt
    assert "User: Mend it.\n\nModel: `calc.py`\n```python" in prompt
    assert "committer" in done.out
    assert f"✓ commit {project.git('rev-parse', 'HEAD')[:12]} on main" in done.err


@pytest.mark.slow
def test_nothing_is_committed_without_a_yes_and_a_second_time_there_is_nothing_to_commit(
    console: Console, project: GitRepository
) -> None:
    first = project.git("rev-parse", "HEAD")
    with faulty_endpoint(says(code(RIGHT)), WORDS, WORDS) as endpoint:
        lines = (*MEND, "/commit", "n")
        refused = chat(console, endpoint, *lines, cwd=project.top)
        still = project.git("rev-parse", "HEAD")
    project.git("checkout", "calc.py")
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        again = chat(console, endpoint, *MEND, "/commit", "y", "/commit", cwd=project.top)

    assert (still, refused.code) == (first, 8), refused.err
    assert project.git("rev-parse", "HEAD^") == first
    assert again.code == 2
    assert "Nothing that this conversation has written is left to commit." in again.err


@pytest.mark.slow
def test_a_message_is_edited_or_asked_for_again_with_the_users_words(
    console: Console, project: GitRepository
) -> None:
    with faulty_endpoint(says(code(RIGHT)), says("Change it"), WORDS) as endpoint:
        lines = (*MEND, "/commit", "Name the numbers", "e", "y")
        done = chat(console, endpoint, *lines, cwd=project.top, EDITOR="sed -i s/numbers/two/")

    assert project.git("log", "-1", "--format=%s") == "Add the two", done.err
    prompt = endpoint.requests[2].body["messages"][-1]["content"]
    assert "Change it" in prompt
    assert "Name the numbers" in prompt


@pytest.mark.slow
def test_a_secret_in_the_change_is_not_told_to_the_model(console: Console, project: GitRepository) -> None:
    secret = f"ghp_{'a1B2' * 9}"
    project.write(calc__py=f'{WRONG}TOKEN = "{secret}"\n')
    project.commit()
    drop = calls("bash", command="sed -i '/TOKEN/d' calc.py")
    with faulty_endpoint(drop, calls("done", summary="It adds."), WORDS) as endpoint:
        chat(console, endpoint, *MEND, "/commit", "n", cwd=project.top)

    prompt = endpoint.requests[2].body["messages"][-1]["content"]
    assert '-TOKEN = "[redacted]"' in prompt
    assert secret not in prompt


@pytest.mark.slow
def test_where_no_model_answers_the_users_words_are_the_message(
    console: Console, project: GitRepository
) -> None:
    with faulty_endpoint(says(code(RIGHT)), error(400, "no")) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit Mend the sum", "y", cwd=project.top)

    assert project.git("log", "-1", "--format=%B") == "Mend the sum", done.err


@pytest.mark.slow
def test_hooks_run_as_the_users_git_has_them_and_one_that_fails_leaves_all_as_it_was(
    console: Console, project: GitRepository
) -> None:
    hook = project.top / ".git" / "hooks" / "commit-msg"
    hook.write_text("#!/bin/sh\necho no ticket\nexit 1\n")
    hook.chmod(0o755)
    with faulty_endpoint(says(replaced("more.py", "x = 1\n")), WORDS) as endpoint:
        done = chat(console, endpoint, "Make more.py.", "y", "/commit", "y", cwd=project.top)

    assert "runs outside of the sandbox: commit-msg" in done.err
    assert "no ticket" in done.err
    assert project.git("log", "--format=%s") == "First"
    assert project.git("status", "--porcelain") == "?? more.py"


@pytest.mark.slow
def test_a_new_file_is_committed_too_and_a_file_with_edits_of_the_users_is_named(
    console: Console, project: GitRepository
) -> None:
    project.write(calc__py=f"# mine\n{WRONG}")
    both = replaced("more.py", "x = 1\n") + code(RIGHT)
    with faulty_endpoint(says(both), WORDS) as endpoint:
        done = chat(console, endpoint, "Make more.py, mend calc.py.", "y", "/commit", "y", cwd=project.top)

    assert project.git("show", "--name-only", "--format=") == "calc.py\nmore.py", done.err
    assert "with changes of your own, too: calc.py" in done.err


@pytest.mark.slow
def test_a_name_that_could_be_a_pattern_stands_for_its_file_alone(
    console: Console, project: GitRepository
) -> None:
    project.write(more__py="y = 1\n")
    make = calls("bash", command="echo x = 1 > 'mor[e].py'")
    with faulty_endpoint(make, says("Done."), WORDS) as endpoint:
        done = chat(console, endpoint, "Make it.", "y", "/commit", "y", cwd=project.top)

    assert project.git("show", "--name-only", "--format=") == "mor[e].py", done.err
    assert project.git("status", "--porcelain") == "?? more.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "said"),
    [
        (("checkout", "--detach"), "HEAD is on no branch."),
        (("update-ref", "MERGE_HEAD", "HEAD"), "A merge is in progress."),
    ],
)
def test_a_repository_in_no_state_for_a_commit_says_why(
    console: Console, project: GitRepository, before: tuple[str, ...], said: str
) -> None:
    project.git(*before)
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", cwd=project.top)

    assert (done.code, project.git("log", "--format=%s")) == (2, "First")
    assert said in done.err


@pytest.mark.slow
def test_a_folder_without_git_and_a_chat_that_has_written_nothing_say_so(
    console: Console, folder: Path
) -> None:
    (folder / "calc.py").write_text(WRONG)
    with faulty_endpoint() as endpoint:
        bare = chat(console, endpoint, "/commit", cwd=folder)
        make_repository(folder)
        empty = chat(console, endpoint, "/commit", cwd=folder)

    assert "is in no git repository" in bare.err
    assert "Nothing that this conversation has written is left to commit." in empty.err
    assert "Other changes aren't committed here: calc.py" in empty.err


@pytest.mark.slow
def test_hooks_that_the_conversation_has_written_keep_git_from_running(
    console: Console, project: GitRepository
) -> None:
    hooks = project.top / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\n")
    (hooks / "pre-commit").chmod(0o755)
    project.git("config", "core.hooksPath", "hooks")
    project.commit("Hooks")
    written = replaced("hooks/lib.sh", "touch pwned\n")
    with faulty_endpoint(says(written), WORDS) as endpoint:
        done = chat(console, endpoint, "Make hooks/lib.sh.", "y", "y", "/commit", "y", cwd=project.top)

    assert "has written hooks/lib.sh, which git may run outside" in done.err
    assert project.git("log", "-1", "--format=%s") == "Hooks"


GH = """#!/bin/sh
printf '%s\\n' "$@" > "$NOTED"
echo https://github.com/ada/calc/pull/1
"""


@pytest.fixture
def remote(project: GitRepository, tmp_path: Path) -> GitRepository:
    """A bare repository that the project knows as origin."""
    top = tmp_path / "remote.git"
    top.mkdir()
    bare = GitRepository(top)
    bare.git("init", "--quiet", "--bare", "--initial-branch", "main")
    project.git("remote", "add", "origin", str(top))
    project.git("push", "--quiet", "--set-upstream", "origin", "main")
    return bare


def with_gh(place: Path) -> dict[str, str]:
    """An environment with a `gh` that notes its arguments in `noted`."""
    tools = place / "tools"
    tools.mkdir()
    (tools / "gh").write_text(GH)
    (tools / "gh").chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}", "NOTED": str(place / "noted")}


@pytest.mark.slow
def test_a_branch_is_pushed_and_a_pull_request_opened_in_the_models_words(
    console: Console, project: GitRepository, remote: GitRepository, tmp_path: Path
) -> None:
    project.git("switch", "--quiet", "--create", "sum")
    lines = (*MEND, "/commit", "y", "/pr", "y", "y")
    with faulty_endpoint(says(code(RIGHT)), WORDS, says("Mend the sum\n\nIt adds.")) as endpoint:
        done = chat(console, endpoint, *lines, cwd=project.top, **with_gh(tmp_path))

    assert remote.git("rev-parse", "sum") == project.git("rev-parse", "HEAD"), done.err
    assert (tmp_path / "noted").read_text().splitlines() == [
        *("pr", "create", "--head=sum", "--base=main", "--title=Mend the sum", "--body=It adds."),
    ]
    assert "- Add the numbers\nThe sign was wrong." in endpoint.requests[2].body["messages"][-1]["content"]
    assert "$ git push --set-upstream origin sum" in done.err
    assert "https://github.com/ada/calc/pull/1" in done.err


@pytest.mark.slow
def test_a_command_that_a_rule_of_the_user_denies_is_not_asked_about(
    console: Console, project: GitRepository, remote: GitRepository
) -> None:
    settings = Path(console.environ["HOME"], ".claude/settings.json")
    settings.parent.mkdir(parents=True)
    settings.write_text('{"permissions": {"deny": ["Bash(git push *)"]}}')
    project.git("switch", "--quiet", "--create", "sum")
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", "y", "/pr", "y", cwd=project.top)

    assert "Your rule denies git push --set-upstream origin sum: deny Bash(git push *)" in done.err
    assert "$ git push" not in done.err
    assert remote.git("branch", "--list", "sum") == ""


@pytest.mark.slow
def test_from_the_default_branch_a_branch_of_its_own_is_begun_by_a_name_that_the_user_agrees_to(
    console: Console, project: GitRepository, remote: GitRepository, tmp_path: Path
) -> None:
    before = remote.git("rev-parse", "main")
    lines = (*MEND, "/commit", "y", "/pr", "mend/sum", "y", "y", "n")
    with faulty_endpoint(says(code(RIGHT)), WORDS, says("Mend the sum")) as endpoint:
        done = chat(console, endpoint, *lines, cwd=project.top, **with_gh(tmp_path))

    assert "$ git switch --create mend-the-sum" in done.err
    assert project.git("branch", "--show-current") == "mend/sum", done.err
    assert remote.git("rev-parse", "main") == before
    assert remote.git("rev-parse", "mend/sum") == project.git("rev-parse", "HEAD")
    assert not (tmp_path / "noted").exists()


@pytest.mark.slow
def test_without_a_yes_nothing_is_pushed_and_without_gh_no_model_is_asked(
    console: Console, project: GitRepository, remote: GitRepository
) -> None:
    project.git("switch", "--quiet", "--create", "sum")
    project.write(calc__py=RIGHT)
    project.commit("Mend")
    with faulty_endpoint() as endpoint:
        refused = chat(console, endpoint, "/pr", "n", cwd=project.top)
        before = remote.git("branch", "--list", "sum")
        pushed = chat(console, endpoint, "/pr", "y", cwd=project.top)

    assert (before, remote.git("log", "-1", "--format=%s", "sum")) == ("", "Mend"), refused.err + pushed.err
    assert len(endpoint.requests) == 0


@pytest.mark.slow
def test_a_tool_that_lies_in_the_project_is_not_started(
    console: Console, project: GitRepository, remote: GitRepository
) -> None:
    environ = with_gh(project.top)
    project.git("switch", "--quiet", "--create", "sum")
    project.write(calc__py=RIGHT)
    project.commit("Mend")
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, "/pr", "y", "y", cwd=project.top, **environ)

    assert remote.git("log", "-1", "--format=%s", "sum") == "Mend", done.err
    assert not (project.top / "noted").exists()


@pytest.mark.slow
def test_without_a_remote_or_a_commit_there_is_no_pull_request(
    console: Console, project: GitRepository, tmp_path: Path
) -> None:
    with faulty_endpoint() as endpoint:
        alone = chat(console, endpoint, "/pr", cwd=project.top)
        project.git("remote", "add", "origin", str(tmp_path))
        project.git("update-ref", "refs/remotes/origin/main", "HEAD")
        same = chat(console, endpoint, "/pr", cwd=project.top)

    assert "The repository has no remote to push to." in alone.err
    assert "main has no commit beyond origin/main." in same.err


@pytest.mark.slow
def test_a_chat_about_a_folder_of_the_repository_commits_there_also_as_the_first_commit(
    console: Console, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "whole")
    folder = repository.top / "part"
    folder.mkdir()
    (folder / "calc.py").write_text(WRONG)
    repository.write(other__txt="mine\n")
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", "y", cwd=folder)

    assert repository.git("show", "--name-only", "--format=%s") == "Add the numbers\n\npart/calc.py", done.err
    assert "stays out: other.txt" in done.err


@pytest.mark.slow
def test_a_work_tree_of_its_own_is_committed_to_its_branch(
    console: Console, project: GitRepository, tmp_path: Path
) -> None:
    project.git("worktree", "add", "--quiet", "-b", "beside", str(tmp_path / "beside"))
    with faulty_endpoint(says(code(RIGHT)), WORDS) as endpoint:
        done = chat(console, endpoint, *MEND, "/commit", "y", cwd=tmp_path / "beside")

    assert project.git("log", "-1", "--format=%s", "beside") == "Add the numbers", done.err
    assert project.git("log", "-1", "--format=%s") == "First"
