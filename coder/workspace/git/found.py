"""Find the repository of a folder by its files, and read its references."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coder.base.errors import UsageError
from coder.workspace.git.run_git import GitFailed, closed_environment, run_git

_DISABLED = {"core.hooksPath": os.devnull, "core.fsmonitor": "false", "gc.auto": "0"}
_MAX_BYTES = 4096
"""Maximum bytes to read of a `.git` or `commondir` file, which contains one path."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a work tree."""

    top: Path
    """Top of the work tree, absolute."""
    git_dir: Path
    """Folder with HEAD and index of this work tree; a linked work tree or submodule has its own."""
    common_dir: Path
    """Folder with objects, references and configuration."""

    def head(self) -> str | None:
        """Return the commit of HEAD, or None."""
        return self.resolved("HEAD")

    def branch(self) -> str | None:
        """Return the branch of HEAD, or None."""
        try:
            return self.run("symbolic-ref", "--quiet", "HEAD").removeprefix("refs/heads/")
        except GitFailed:
            return None

    def resolved(self, name: str) -> str | None:
        """Return the commit of a name, or None."""
        try:
            return self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except GitFailed:
            return None

    def tree(self, commit: str) -> str:
        """Return the tree of a commit."""
        return self.run("rev-parse", "--verify", f"{commit}^{{tree}}")

    def configured(self, key: str) -> str:
        """Return a value of git's configuration, including the user's. Raises GitFailed if it isn't set."""
        return self._config("--get", key).rstrip("\n")

    def settings(self) -> "GitSettings":
        """Return git's full configuration, including the user's; empty if git can't read it."""
        try:
            fields = self._config("--null", "--show-scope", "--list").split("\0")
        except GitFailed:
            return GitSettings()
        rows = zip(fields[::2], fields[1::2], strict=False)
        return GitSettings(tuple((scope, *row.partition("\n")[::2]) for scope, row in rows))

    def hooks_folder(self, settings: "GitSettings | None" = None) -> Path:
        """Return the folder of hooks according to these settings, by default the current settings."""
        configured_path = (settings or self.settings()).value("core.hookspath")
        folder = self.common_dir / "hooks"
        if configured_path is not None:
            folder = self.top / os.path.expanduser(configured_path)
        return folder.resolve()

    def push_addresses(self, remote: str) -> list[str]:
        """Return the addresses to which git pushes for a remote, according to its full configuration."""
        environment = {**os.environ, "GIT_DIR": str(self.git_dir)}
        arguments = ["remote", "get-url", "--push", "--all", remote]
        printed = run_git(arguments, environment=environment, cwd=self.top, tree=self.top)
        return printed.decode("utf-8", "replace").splitlines()

    def _config(self, *arguments: str) -> str:
        environment = {**os.environ, "GIT_DIR": str(self.git_dir)}
        printed = run_git(["config", *arguments], environment=environment, cwd=self.git_dir, tree=self.top)
        return printed.decode("utf-8", "surrogateescape")

    def run(self, *arguments: str) -> str:
        """Return the output of a git command that only reads references."""
        environment = refs_environment(self)
        printed = run_git(arguments, environment=environment, cwd=self.git_dir, tree=self.top)
        return printed.decode("utf-8", "replace").strip()

    def move(self, ref: str, to: str, old: str | None, message: str, person: dict[str, str]) -> None:
        """Move a reference from its expected commit to another one; `person` is the committer."""
        entry = f"commit: {message.partition(chr(10))[0]}"
        environment = moving_environment(self) | person
        arguments = ["update-ref", "-m", entry, ref, to, old or "0" * len(to)]
        run_git(arguments, environment=environment, cwd=self.git_dir, tree=self.top)


@dataclass(frozen=True, slots=True)
class GitSettings:
    """Settings of git, in the order in which later ones override earlier ones."""

    rows: tuple[tuple[str, str, str], ...] = ()
    """Scope, key in git's spelling (`core.hookspath`) and value of each setting."""

    def value(self, key: str) -> str | None:
        """Return the value of a key in git's spelling, or None."""
        return next((value for _, name, value in reversed(self.rows) if name == key), None)

    def of_repository(self) -> list[str]:
        """Return `KEY=VALUE` from the repository's configuration."""
        return self._texts(("local", "worktree"), "")

    def of_user(self, pattern: str) -> list[str]:
        """Return `KEY=VALUE` from the user's, system's and environment's configuration if the key matches."""
        return self._texts(("system", "global", "command"), pattern)

    def _texts(self, scopes: tuple[str, ...], pattern: str) -> list[str]:
        settings = (
            f"{key}={value}" for scope, key, value in self.rows if scope in scopes and re.search(pattern, key)
        )
        return [setting.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for setting in settings]


def find_repository(folder: Path) -> Repository | None:
    """Return the repository of a folder, or None. Raises UsageError if it has no work tree.

    Repositories of other owners are ignored, as in git, because anyone may put a `.git` into a shared folder.
    """
    if all((folder / name).is_dir() for name in ("objects", "refs")) and (folder / "HEAD").is_file():
        raise UsageError(
            f"{folder} is a bare repository: it has no files to work on. Clone it, and name the clone: "
            f"git clone {folder}"
        )
    for top in (folder, *folder.parents):
        try:
            repository = _opened(top)
            if repository is not None:
                owners = (os.geteuid(), folder.stat().st_uid) if hasattr(os, "geteuid") else None
                return repository if owners is None or repository.git_dir.stat().st_uid in owners else None
        except OSError:
            return None  # an unreadable repository is treated as plain files
    return None


def _opened(top: Path) -> Repository | None:
    """Return the repository whose work tree begins at this folder, or None."""
    git_dir = top / ".git"
    try:
        mode = git_dir.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISREG(mode):
        line = _one_line(git_dir)
        if not line.startswith("gitdir: "):
            return None
        git_dir = top / line.removeprefix("gitdir: ")
    commondir_file = git_dir / "commondir"
    common_dir = git_dir / _one_line(commondir_file) if commondir_file.is_file() else git_dir
    git_dir, common_dir = git_dir.resolve(), common_dir.resolve()
    if not (git_dir / "HEAD").exists() or not (common_dir / "objects").is_dir():
        return None
    config = common_dir / "config"
    if config.exists() and not config.is_file():  # git would wait for the content of a pipe
        return None
    return Repository(top, git_dir, common_dir)


def _one_line(path: Path) -> str:
    with path.open("rb") as file:
        return os.fsdecode(file.read(_MAX_BYTES).rstrip(b"\r\n"))


def refs_environment(repository: Repository, overruled: Mapping[str, str] = _DISABLED) -> dict[str, str]:
    """Return the environment to read references with the repository's own GIT_DIR.

    The values in `overruled` override the repository's configuration. Reading references starts no program of
    that configuration, but moving one does (`moving_environment`).
    """
    entries = {f"GIT_CONFIG_KEY_{index}": key for index, key in enumerate(overruled)}
    entries |= {f"GIT_CONFIG_VALUE_{index}": value for index, value in enumerate(overruled.values())}
    variables = {"GIT_DIR": str(repository.git_dir), "GIT_CONFIG_COUNT": str(len(overruled))}
    return closed_environment() | variables | entries


def moving_environment(repository: Repository) -> dict[str, str]:
    """Return the environment to move a reference without hooks in files or settings (git 2.54)."""
    arguments = ["config", "--null", "--name-only", "--list"]
    output = run_git(
        arguments, environment=refs_environment(repository), cwd=repository.git_dir, tree=repository.top
    )
    keys = {key for key in output.decode("utf-8", "surrogateescape").split("\0") if key.startswith("hook.")}
    hooks = {"reference-transaction", *(key[len("hook.") : key.rfind(".")] for key in keys)}
    disabled = {f"hook.{name}.enabled": "false" for name in sorted(hooks) if name}
    return refs_environment(repository, {**_DISABLED, **disabled})
