"""Commit a run's changes: these paths on top of HEAD, without other staged or dirty changes.

Only plumbing commands are used, so that no hook runs and nothing is signed. Files with a filter (such as Git
LFS) are left to the user.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coder.workspace.git.found import Repository, find_repository
from coder.workspace.git.isolated import Git, isolated
from coder.workspace.git.run_git import GitFailed, run_git

_OPERATION_BY_FILE = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
_NO_COMMIT_YET = "the repository has no commit yet that a branch could begin at. Make a first one."
_UNKNOWN_COMMITTER = (
    "git doesn't know who you are. Tell it: git config --global user.name NAME, and "
    "git config --global user.email ADDRESS"
)


class NoCommit(Exception):
    """A commit can't or shouldn't be made; the message gives the reason and advice."""


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """One file of a commit, with contents before and after; None: no file."""

    before: bytes | None
    after: bytes | None
    executable: bool = False
    switched: bool = False
    """Whether the executable bit of an existing file changes."""
    link: bool = False
    """Whether it is a new symbolic link, whose content is its target."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, and the branch with the commit at its tip; None if HEAD is detached."""

    commit: str
    branch: str | None


def commit(
    folder: Path, changed: Mapping[str, CommittedFile], *, message: str, branch: str | None = None
) -> Commit:
    """Commit these changes of files under a folder; can be repeated.

    Raises NoCommit if the repository is missing or in an unsuitable state, or the user changed a file.

    Args:
        branch: a new branch, which leaves HEAD, index and files unchanged; None commits to HEAD.
    """
    with _opened(folder) as committer:
        folder_in_repository = folder.relative_to(committer.repository.top)
        files = {(folder_in_repository / path).as_posix(): change for path, change in changed.items()}
        return committer.commit(files, message, branch)


def not_committable(folder: Path, changed: Mapping[str, CommittedFile]) -> dict[str, str]:
    """Return the files that a commit on HEAD can't hold without changes of the user or a filter, by path with
    the reason. Raises NoCommit as `commit` does.
    """
    with _opened(folder) as committer:
        folder_in_repository = folder.relative_to(committer.repository.top)
        head = committer.repository.head()
        reasons = {
            path: committer.reason_against(
                (folder_in_repository / path).as_posix(), change, head, staged=True
            )
            for path, change in changed.items()
        }
        return {path: reason for path, reason in reasons.items() if reason is not None}


def check_possible(folder: Path, *, branch: str | None) -> None:
    """Raise NoCommit with the reason if no commit can be made here now."""
    with _opened(folder if folder.is_dir() else folder.parent) as committer:
        committer.check_possible(branch)


@contextmanager
def _opened(folder: Path) -> "Iterator[_Committer]":
    repository = find_repository(folder)
    if repository is None:
        raise NoCommit(f"{folder} is in no git repository.")
    try:
        with isolated(repository) as git:
            yield _Committer(repository, git)
    except GitFailed as error:
        raise NoCommit(f"{error}") from error


def under_way(repository: Repository) -> str | None:
    """Return the operation in progress, such as a merge, or None."""
    return next(
        (words for name, words in _OPERATION_BY_FILE.items() if (repository.git_dir / name).exists()), None
    )


@dataclass(frozen=True, slots=True)
class _Committer:
    repository: Repository
    git: Git

    def check_possible(self, branch: str | None) -> None:
        self._person()
        self._check_place(branch)
        if branch is None:
            return
        if self.repository.resolved(f"refs/heads/{branch}") is not None:
            raise NoCommit(_branch_exists(branch))
        names = self.repository.run("for-each-ref", "--format=%(refname:strip=2)", "refs/heads").splitlines()
        for name in names:  # a branch can't have the name of another branch's folder
            if name.startswith(f"{branch}/") or branch.startswith(f"{name}/"):
                raise NoCommit(f"git has no room for {branch} beside the branch {name}. Name another one.")
        if self.repository.head() is None:
            raise NoCommit(_NO_COMMIT_YET)

    def commit(self, files: Mapping[str, CommittedFile], message: str, branch: str | None) -> Commit:
        head = self.repository.head()
        self._check_place(branch)
        scratch = Path(self.git.environment["GIT_DIR"]) / "scratch"
        if head is not None:
            self.git.run("read-tree", head, index=scratch)
        rows = self._rows(files, head, staged=branch is None)
        self.git.run("update-index", "-z", "--index-info", stdin=rows, index=scratch)
        # missing-ok, because a partial clone lacks blobs that aren't checked out.
        tree = self.git.run("write-tree", "--missing-ok", index=scratch).decode().strip()
        if branch is not None:
            return self._on_new_branch(branch, tree, head, message)
        ref = self.repository.branch()
        if head is not None and tree == self.repository.tree(head):
            return Commit(head, ref)  # the commit was made before this run was interrupted
        revision = self._create(tree, head, message)
        self.git.run("update-index", "-z", "--index-info", stdin=rows)
        self.repository.move("HEAD", revision, head, message, self._person())
        return Commit(revision, ref)

    def _on_new_branch(self, branch: str, tree: str, head: str | None, message: str) -> Commit:
        existing = self.repository.resolved(f"refs/heads/{branch}")
        if existing is not None:
            if self.repository.tree(existing) == tree and self.repository.resolved(f"{existing}^") == head:
                return Commit(existing, branch)  # the commit was made before this run was interrupted
            raise NoCommit(_branch_exists(branch))
        if head is None:
            raise NoCommit(_NO_COMMIT_YET)
        revision = self._create(tree, head, message)
        self.repository.move(f"refs/heads/{branch}", revision, None, message, self._person())
        return Commit(revision, branch)

    def _rows(self, files: Mapping[str, CommittedFile], head: str | None, *, staged: bool) -> bytes:
        """Return index entries of the files. Raises NoCommit if one differed from HEAD before the run."""
        rows, removals = [], []
        for path, change in files.items():
            if (reason := self.reason_against(path, change, head, staged=staged)) is not None:
                raise NoCommit(f"{reason} Commit it yourself.")
            mode, blob = self._entry(head, path)
            after = self._blob(path, change.after, write=True)
            if blob is None and after is None:
                continue  # never committed, and removed now
            usual_mode = "120000" if change.link else "100755" if change.executable else "100644"
            mode = (None if change.switched else mode) or usual_mode
            if after:
                rows.append(f"{mode} {after}\t{path}")
            else:  # first, as a file may take the place of another one's folder
                removals.append(f"0 {'0' * len(blob or '')}\t{path}")
        return b"".join(os.fsencode(row) + b"\0" for row in (*removals, *rows))

    def reason_against(
        self, path: str, change: CommittedFile, head: str | None, *, staged: bool
    ) -> str | None:
        """Return why a commit can't hold a file, or None.

        Args:
            staged: whether the commit replaces the file's entry in the user's index.
        """
        fields = self.git.run("check-attr", "-z", "filter", "--", path).split(b"\0")
        if (name := os.fsdecode(fields[2])) not in ("unspecified", "unset"):
            return f"{path} goes through the filter {name}, which isn't started here."
        blob, after = self._entry(head, path)[1], self._blob(path, change.after)
        if blob not in (self._blob(path, change.before), after):
            return f"{path} had changes of yours that aren't committed, and the commit would hold them too."
        if staged and self._staged(path) not in (blob, after):
            return f"{path} has staged changes of yours."
        return None

    def _blob(self, path: str, content: bytes | None, *, write: bool = False) -> str | None:
        """Return the id of a content's blob if committed at a path, with the line ends of its attributes."""
        if content is None:
            return None
        flags = ["-w"] if write else []
        printed = self.git.run("hash-object", *flags, "--stdin", f"--path={path}", stdin=content)
        return printed.decode().strip()

    def _entry(self, head: str | None, path: str) -> tuple[str | None, str | None]:
        row = self.git.run("ls-tree", "-z", head, "--", path).split() if head else []
        return (row[0].decode(), row[2].decode()) if row and row[1] != b"tree" else (None, None)

    def _staged(self, path: str) -> str | None:
        for row in self.git.run("ls-files", "-z", "-s", "--", path).split(b"\0"):
            fields, _, name = row.partition(b"\t")
            if os.fsdecode(name) == path:  # else a file of the folder that the path was
                return fields.split()[1].decode()
        return None

    def _check_place(self, branch: str | None) -> None:
        """Check that a branch name is valid, or that no operation is in progress. Raises NoCommit."""
        if branch is not None:
            try:
                self.repository.run("check-ref-format", "--branch", branch)
            except GitFailed as error:
                raise NoCommit(f"{branch!r} can't be the name of a branch.") from error
        elif (words := under_way(self.repository)) is not None:
            raise NoCommit(f"{words} is in progress. End it, or name a branch of its own with --branch.")

    def _create(self, tree: str, parent: str | None, message: str) -> str:
        arguments = ["commit-tree", tree, *(["-p", parent] if parent else [])]
        environment, text = self.git.environment | self._person(), message.encode("utf-8", "replace")
        output = run_git(
            arguments, environment=environment, stdin=text, cwd=self.repository.top, tree=self.repository.top
        )
        return output.decode().strip()

    def _person(self) -> dict[str, str]:
        """Return the committer from git's variables or the user's configuration. Raises NoCommit."""
        person = {}
        for role in ("AUTHOR", "COMMITTER"):
            for key in ("NAME", "EMAIL"):
                name = f"GIT_{role}_{key}"
                person[name] = os.environ.get(name) or self.git.values.get(f"user.{key.lower()}", "")
        if not all(person.values()):
            raise NoCommit(_UNKNOWN_COMMITTER)
        return person


def _branch_exists(branch: str) -> str:
    return f"there is a branch {branch} already. Name another one."
