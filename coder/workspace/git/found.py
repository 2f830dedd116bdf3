"""Find the repository of a folder by looking at files, and its references."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coder.base.errors import UsageError
from coder.workspace.git.run_git import GitFailed, closed_environment, run_git

_OFF = {"core.hooksPath": os.devnull, "core.fsmonitor": "false", "gc.auto": "0"}
_MOST = 4096
"""Most bytes of a `.git` or `commondir` file: each holds one path."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a work tree."""

    top: Path
    """Top of the work tree, absolute."""
    git_dir: Path
    """Folder with HEAD and index of this work tree; separate for a linked work tree or a submodule."""
    common_dir: Path
    """Folder with objects, references and configuration."""

    def head(self) -> str | None:
        """The commit of HEAD."""
        return self.resolved("HEAD")

    def branch(self) -> str | None:
        """The branch of HEAD."""
        try:
            return self.run("symbolic-ref", "--quiet", "HEAD").removeprefix("refs/heads/")
        except GitFailed:
            return None

    def resolved(self, name: str) -> str | None:
        """The commit of a name; None if there is none."""
        try:
            return self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except GitFailed:
            return None

    def tree(self, commit: str) -> str:
        """The tree of a commit."""
        return self.run("rev-parse", "--verify", f"{commit}^{{tree}}")

    def configured(self, key: str) -> str:
        """A value from git's full configuration, including the user's. Raises GitFailed: there is none."""
        return self._config("--get", key, errors="surrogateescape").rstrip("\n")

    def own_settings(self, pattern: str) -> list[str]:
        """`KEY=VALUE` from the repository's own configuration, for matching keys."""
        return self._settings(pattern, ("local", "worktree"))

    def user_settings(self, pattern: str) -> list[str]:
        """`KEY=VALUE` from the configuration of the user, the system and the environment."""
        return self._settings(pattern, ("system", "global", "command"))

    def push_addresses(self, remote: str) -> list[str]:
        """Where git pushes for a remote, by git's full configuration."""
        environment = {**os.environ, "GIT_DIR": str(self.git_dir)}
        arguments = ["remote", "get-url", "--push", "--all", remote]
        printed = run_git(arguments, environment=environment, cwd=self.top, tree=self.top)
        return printed.decode("utf-8", "replace").splitlines()

    def _settings(self, pattern: str, scopes: tuple[str, ...]) -> list[str]:
        try:
            fields = self._config("--null", "--show-scope", "--get-regexp", pattern).split("\0")
        except GitFailed:  # there is none
            return []
        rows = zip(fields[::2], fields[1::2], strict=False)
        return [row.replace("\n", "=", 1) for scope, row in rows if scope in scopes]

    def _config(self, *arguments: str, errors: str = "replace") -> str:
        environment = {**os.environ, "GIT_DIR": str(self.git_dir)}
        printed = run_git(["config", *arguments], environment=environment, cwd=self.git_dir, tree=self.top)
        return printed.decode("utf-8", errors)

    def run(self, *arguments: str) -> str:
        """Output of a git command that only reads references."""
        environment = refs_environment(self)
        printed = run_git(arguments, environment=environment, cwd=self.git_dir, tree=self.top)
        return printed.decode("utf-8", "replace").strip()

    def move(self, ref: str, to: str, old: str | None, message: str, person: dict[str, str]) -> None:
        """Move a reference from its expected commit to another; `person` is the committer."""
        entry = f"commit: {message.partition(chr(10))[0]}"
        environment = moving_environment(self) | person
        arguments = ["update-ref", "-m", entry, ref, to, old or "0" * len(to)]
        run_git(arguments, environment=environment, cwd=self.git_dir, tree=self.top)


def find_repository(folder: Path) -> Repository | None:
    """The repository of a folder; None if there is none. Raises UsageError: one without a work tree.

    Ignores one of another owner, as git does: anyone may put a `.git` into a shared folder.
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
            return None  # unreadable: treat the folder as plain files
    return None


def _opened(top: Path) -> Repository | None:
    """The repository whose work tree begins here."""
    place = top / ".git"
    try:
        mode = place.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISREG(mode):
        line = _one_line(place)
        if not line.startswith("gitdir: "):
            return None
        place = top / line.removeprefix("gitdir: ")
    common = place / "commondir"
    shared = place / _one_line(common) if common.is_file() else place
    place, shared = place.resolve(), shared.resolve()
    if not (place / "HEAD").exists() or not (shared / "objects").is_dir():
        return None
    config = shared / "config"
    if config.exists() and not config.is_file():  # git would wait for a pipe's content
        return None
    return Repository(top, place, shared)


def _one_line(path: Path) -> str:
    with path.open("rb") as file:
        return os.fsdecode(file.read(_MOST).rstrip(b"\r\n"))


def refs_environment(repository: Repository, overruled: Mapping[str, str] = _OFF) -> dict[str, str]:
    """Environment to read references with the repository's own GIT_DIR; values override its configuration.

    Reading starts no program of that configuration; moving a reference does (`moving_environment`).
    """
    numbered = {f"GIT_CONFIG_KEY_{i}": key for i, key in enumerate(overruled)}
    numbered |= {f"GIT_CONFIG_VALUE_{i}": value for i, value in enumerate(overruled.values())}
    variables = {"GIT_DIR": str(repository.git_dir), "GIT_CONFIG_COUNT": str(len(overruled))}
    return closed_environment() | variables | numbered


def moving_environment(repository: Repository) -> dict[str, str]:
    """Environment to move a reference without its hooks, neither files nor settings (git 2.54)."""
    arguments = ["config", "--null", "--name-only", "--list"]
    output = run_git(
        arguments, environment=refs_environment(repository), cwd=repository.git_dir, tree=repository.top
    )
    keys = {key for key in output.decode("utf-8", "surrogateescape").split("\0") if key.startswith("hook.")}
    hooks = {"reference-transaction", *(key[len("hook.") : key.rfind(".")] for key in keys)}
    off = {f"hook.{name}.enabled": "false" for name in sorted(hooks) if name}
    return refs_environment(repository, {**_OFF, **off})
