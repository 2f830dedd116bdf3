"""A commit holds what the run has changed, on top of HEAD, and nothing else; git's own state stays whole."""

import shutil
from pathlib import Path

import pytest

from coder.workspace.git.commit import CommittedFile, NoCommit, check_possible, commit
from coder.workspace.git.found import find_repository, moving_environment
from coder.workspace.git.run_git import run_git
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository

BEFORE, AFTER = "x = 1\n", "x = 2\n"
CHANGED = {"main.py": CommittedFile(BEFORE.encode(), AFTER.encode())}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A repository whose owner git knows, where a run has changed main.py."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    project = make_repository(tmp_path / "project", main__py=BEFORE, other__py="y = 1\n")
    project.write(main__py=AFTER)
    return project


def test_the_commit_is_the_tip_of_the_branch_and_the_tree_is_clean(repository: GitRepository) -> None:
    first = repository.git("rev-parse", "HEAD")

    new_commit = commit(repository.top, CHANGED, message="Mend x\n\nWhy.\n")

    assert repository.git("rev-parse", "main") == new_commit.commit
    assert (new_commit.branch, repository.git("rev-parse", "HEAD^")) == ("main", first)
    assert (
        repository.git("log", "-1", "--format=%an <%ae> %cn|%s|%b") == "Ada <ada@example.org> Ada|Mend x|Why."
    )
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("fsck", "--strict") == ""


def test_nothing_else_that_is_staged_or_dirty_is_swept_in(repository: GitRepository) -> None:
    repository.write(other__py="staged\n", new__py="staged too\n")
    repository.git("add", "other.py", "new.py")
    repository.write(other__py="dirty\n")

    commit(repository.top, CHANGED, message="Mend x")

    assert repository.git("show", "--name-only", "--format=", "HEAD") == "main.py"
    assert repository.git("status", "--porcelain").splitlines() == ["A  new.py", "MM other.py"]


def test_new_and_removed_files_are_committed_with_their_modes(repository: GitRepository) -> None:
    repository.write(run__sh="#!/bin/sh\n")
    (repository.top / "run.sh").chmod(0o755)
    (repository.top / "other.py").unlink()
    changed = {
        "run.sh": CommittedFile(None, b"#!/bin/sh\n", executable=True),
        "other.py": CommittedFile(b"y = 1\n", None),
    }

    commit(repository.top, {**CHANGED, **changed}, message="More")

    rows = repository.git("show", "--format=", "--raw", "--no-abbrev", "HEAD").splitlines()
    assert [(row.split()[1], row.split()[4], row.split()[5]) for row in rows] == [
        ("100644", "M", "main.py"), ("000000", "D", "other.py"), ("100755", "A", "run.sh"),
    ]  # fmt: skip
    assert repository.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_called_again_after_a_crash_it_finds_its_own_commit(repository: GitRepository) -> None:
    new_commit = commit(repository.top, CHANGED, message="Mend x")

    assert commit(repository.top, CHANGED, message="Mend x") == new_commit
    assert repository.git("rev-list", "--count", "HEAD") == "2"


@pytest.mark.slow
def test_a_new_branch_leaves_head_index_and_files_alone(repository: GitRepository) -> None:
    repository.write(main__py=BEFORE)
    head = repository.git("rev-parse", "HEAD")

    new_commit = commit(repository.top, CHANGED, message="Mend x", branch="fix/x")

    assert new_commit.branch == "fix/x"
    assert repository.git("show", "fix/x:main.py") == AFTER.strip()
    assert repository.git("rev-parse", "fix/x^") == head
    assert (repository.git("rev-parse", "HEAD"), repository.git("status", "--porcelain")) == (head, "")
    assert commit(repository.top, CHANGED, message="Mend x", branch="fix/x") == new_commit


def test_a_branch_that_is_there_is_not_moved(repository: GitRepository) -> None:
    repository.git("branch", "taken")

    with pytest.raises(NoCommit, match="already"):
        commit(repository.top, CHANGED, message="Mend x", branch="taken")


@pytest.mark.parametrize("name", ["", "a..b", "-x", "a b", "../main", "HEAD^", "a.lock"])
def test_a_name_that_is_no_branch_is_refused(repository: GitRepository, name: str) -> None:
    with pytest.raises(NoCommit, match="branch"):
        commit(repository.top, CHANGED, message="Mend x", branch=name)


def test_a_file_with_changes_of_the_users_own_is_left_to_them(repository: GitRepository) -> None:
    dirty = {"main.py": CommittedFile(b"x = 1  # mine\n", AFTER.encode())}

    with pytest.raises(NoCommit, match="changes of yours"):
        commit(repository.top, dirty, message="Mend x")


def test_a_file_with_staged_changes_is_left_to_the_user(repository: GitRepository) -> None:
    repository.write(main__py="staged\n")
    repository.git("add", "main.py")
    repository.write(main__py=AFTER)

    with pytest.raises(NoCommit, match="staged"):
        commit(repository.top, CHANGED, message="Mend x")
    assert repository.git("show", ":main.py") == "staged"


def test_in_the_middle_of_a_merge_no_commit_is_made(repository: GitRepository) -> None:
    (repository.top / ".git" / "MERGE_HEAD").write_text(repository.git("rev-parse", "HEAD"))

    with pytest.raises(NoCommit, match="a merge is in progress"):
        commit(repository.top, CHANGED, message="Mend x")


def test_a_detached_head_moves_and_is_said_to_have_no_branch(repository: GitRepository) -> None:
    repository.git("checkout", "--quiet", "--detach")

    new_commit = commit(repository.top, CHANGED, message="Mend x")

    assert (new_commit.branch, repository.git("rev-parse", "HEAD")) == (None, new_commit.commit)
    assert repository.git("rev-parse", "main") != new_commit.commit


def test_the_first_commit_of_an_empty_repository_is_made(tmp_path: Path, repository: GitRepository) -> None:
    empty = make_repository(tmp_path / "empty")
    empty.write(a__py="1\n")

    commit(empty.top, {"a.py": CommittedFile(None, b"1\n")}, message="First")

    assert empty.git("log", "--format=%s") == "First"
    assert empty.git("status", "--porcelain") == ""


def test_a_linked_work_tree_and_a_folder_below_the_top_commit_where_they_are(
    repository: GitRepository, tmp_path: Path
) -> None:
    repository.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    linked = GitRepository(tmp_path / "linked")
    (linked.top / "sub").mkdir()
    (linked.top / "sub" / "a.py").write_text("1\n")

    new_commit = commit(linked.top / "sub", {"a.py": CommittedFile(None, b"1\n")}, message="Below")

    assert new_commit.branch == "side"
    assert linked.git("show", "--name-only", "--format=", "HEAD") == "sub/a.py"
    assert linked.git("status", "--porcelain") == ""


def test_line_ends_are_committed_as_the_attributes_ask_for(repository: GitRepository) -> None:
    (repository.top / ".gitattributes").write_text("*.txt text eol=crlf\n")
    repository.commit()
    (repository.top / "a.txt").write_bytes(b"1\r\n2\r\n")

    commit(repository.top, {"a.txt": CommittedFile(None, b"1\r\n2\r\n")}, message="Text")

    assert repository.git("cat-file", "-s", "HEAD:a.txt") == "4"
    assert repository.git("status", "--porcelain") == ""


def test_a_file_that_goes_through_a_filter_is_left_to_the_user(repository: GitRepository) -> None:
    (repository.top / ".gitattributes").write_text("main.py filter=lfs\n")

    with pytest.raises(NoCommit, match="the filter lfs"):
        commit(repository.top, CHANGED, message="Mend x")


def test_an_index_that_is_split_stays_whole(repository: GitRepository) -> None:
    repository.git("config", "core.splitIndex", "true")
    repository.git("update-index", "--split-index")

    commit(repository.top, CHANGED, message="Mend x")

    assert repository.git("status", "--porcelain") == ""


def test_while_another_git_is_at_work_nothing_is_moved(repository: GitRepository) -> None:
    head = repository.git("rev-parse", "HEAD")
    (repository.top / ".git" / "index.lock").touch()

    with pytest.raises(NoCommit, match=r"index\.lock"):
        commit(repository.top, CHANGED, message="Mend x")
    assert repository.git("rev-parse", "HEAD") == head


def test_without_a_name_it_says_how_to_give_one(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(repository.top.parent))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    with pytest.raises(NoCommit, match=r"git config --global user\.name"):
        commit(repository.top, CHANGED, message="Mend x")


def test_the_repositorys_own_name_for_its_user_counts(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ENVIRONMENT:
        if "NAME" in name or "EMAIL" in name:
            monkeypatch.delenv(name)
    repository.git("config", "user.name", "Grace")
    repository.git("config", "user.email", "grace@example.org")

    commit(repository.top, CHANGED, message="Mend x")

    assert repository.git("log", "-1", "--format=%an %ce") == "Grace grace@example.org"


def test_a_folder_without_a_repository_has_no_commits(tmp_path: Path) -> None:
    with pytest.raises(NoCommit, match="no git repository"):
        commit(tmp_path, {"a": CommittedFile(None, b"1")}, message="M")


def test_hooks_that_the_configuration_names_are_off_while_a_reference_moves(
    repository: GitRepository,
) -> None:
    included = repository.top / "more.config"
    included.write_text('[hook "an in.cluded"]\n\tcommand = touch ran\n')
    repository.git("config", "hook.linter.command", "touch ran")
    repository.git("config", "hook.linter.event", "reference-transaction")
    repository.git("config", "include.path", str(included))
    git_repository = find_repository(repository.top)
    assert git_repository is not None

    environment = moving_environment(git_repository)

    for name in ("linter", "an in.cluded", "reference-transaction"):
        arguments = ["config", "--get", f"hook.{name}.enabled"]
        assert (
            run_git(arguments, environment=environment, cwd=git_repository.git_dir, tree=git_repository.top)
            == b"false\n"
        )


@pytest.mark.slow
def test_what_a_partial_clone_has_not_fetched_is_no_hindrance(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.git("checkout", "--quiet", "--", "main.py")
    repository.git("config", "uploadpack.allowFilter", "true")
    partial = GitRepository(tmp_path / "partial")
    source = ["--no-local", "--no-checkout", "--filter=blob:none", f"file://{repository.top}"]
    repository.git("clone", "--quiet", *source, str(partial.top))
    partial.git("sparse-checkout", "set", "--no-cone", "/main.py")
    partial.git("checkout", "--quiet", "main")
    partial.write(main__py=AFTER)

    new_commit = commit(partial.top, CHANGED, message="Mend x")

    assert partial.git("rev-parse", "HEAD") == new_commit.commit
    assert partial.git("ls-tree", "--name-only", "HEAD").splitlines() == ["main.py", "other.py"]


def test_a_branch_in_a_repository_without_a_commit_is_refused_before_the_work(
    tmp_path: Path, repository: GitRepository
) -> None:
    empty = make_repository(tmp_path / "empty")

    with pytest.raises(NoCommit, match="no commit yet"):
        check_possible(empty.top, branch="topic")


@pytest.mark.parametrize("branch", ["main/topic", "team"])
def test_a_branch_that_git_has_no_room_for_is_refused_before_the_work(
    repository: GitRepository, branch: str
) -> None:
    repository.git("branch", "team/other")

    with pytest.raises(NoCommit, match=f"no room for {branch} beside the branch"):
        check_possible(repository.top, branch=branch)


@pytest.mark.parametrize("hashes", ["sha1", "sha256"])
def test_a_file_that_was_never_committed_may_be_gone(
    tmp_path: Path, repository: GitRepository, hashes: str
) -> None:
    top = tmp_path / hashes
    top.mkdir()
    young = GitRepository(top)
    young.git("init", "--quiet", f"--object-format={hashes}")
    young.write(main__py=BEFORE)
    young.commit("First")
    young.write(main__py=AFTER)

    commit(top, {**CHANGED, "new.py": CommittedFile(b"z = 1\n", None)}, message="Mend x")

    assert young.git("show", "--name-only", "--format=", "HEAD") == "main.py"


@pytest.mark.parametrize("is_folder", [False, True], ids=["a folder", "a file"])
def test_a_file_that_takes_the_place_of_a_folder_is_committed_and_the_other_way_round(
    repository: GitRepository, is_folder: bool
) -> None:
    folder, file = {"d/x": b"x\n", "d/e/y": b"y\n"}, {"d": b"d\n"}
    before, after = (folder, file) if is_folder else (file, folder)
    shown: dict[str, CommittedFile] = {}
    for path, content in before.items():
        (repository.top / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.top / path).write_bytes(content)
        shown[path] = CommittedFile(content, None)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", "before")
    shutil.rmtree(repository.top / "d") if is_folder else (repository.top / "d").unlink()
    for path, content in after.items():
        (repository.top / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.top / path).write_bytes(content)
        shown = {path: CommittedFile(None, content), **shown}

    commit(repository.top, shown, message="Switch")

    assert repository.git("ls-tree", "-r", "--name-only", "HEAD", "--", "d").split() == sorted(after)
    assert repository.git("status", "--porcelain") == ""
