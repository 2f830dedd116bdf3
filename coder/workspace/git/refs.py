"""References of a repository: where HEAD and branches are, and moving one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from coder.workspace.git.found import Repository
from coder.workspace.git.isolated import GitFailed, closed_environment, run_git

_OFF = {"core.hooksPath": os.devnull, "core.fsmonitor": "false", "gc.auto": "0"}


@dataclass(frozen=True, slots=True)
class Refs:
    """Those of one repository."""

    repository: Repository

    def head(self) -> str | None:
        """The commit that HEAD is at."""
        return self.resolved("HEAD")

    def branch(self) -> str | None:
        """The branch that HEAD is on."""
        try:
            return self.run("symbolic-ref", "--quiet", "HEAD").removeprefix("refs/heads/")
        except GitFailed:
            return None

    def resolved(self, name: str) -> str | None:
        """The commit of a name; None where there is none."""
        try:
            return self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except GitFailed:
            return None

    def tree(self, commit: str) -> str:
        """The tree of a commit."""
        return self.run("rev-parse", "--verify", f"{commit}^{{tree}}")

    def configured(self, key: str) -> str:
        """A value as git itself sees it, the user's own included. Raises GitFailed: there is none."""
        return self._config("--get", key, errors="surrogateescape").rstrip("\n")

    def own_settings(self, pattern: str) -> list[str]:
        """`KEY=VALUE` of what the repository's own configuration says, for keys that match."""
        try:
            fields = self._config("--null", "--show-scope", "--get-regexp", pattern).split("\0")
        except GitFailed:  # there is none
            return []
        rows = zip(fields[::2], fields[1::2], strict=False)
        return [row.replace("\n", "=", 1) for scope, row in rows if scope in ("local", "worktree")]

    def _config(self, *asked: str, errors: str = "replace") -> str:
        environment = {**os.environ, "GIT_DIR": str(self.repository.git_dir)}
        printed = run_git(["config", *asked], environment=environment, cwd=self.repository.git_dir)
        return printed.decode("utf-8", errors)

    def run(self, *arguments: str) -> str:
        """What a command of git's prints that reads references only."""
        environment = refs_environment(self.repository)
        printed = run_git(arguments, environment=environment, cwd=self.repository.git_dir)
        return printed.decode("utf-8", "replace").strip()

    def move(self, ref: str, to: str, old: str | None, message: str, person: dict[str, str]) -> None:
        """Move one to a commit, from the one that it is expected to be at; `person` names who commits."""
        said = f"commit: {message.partition(chr(10))[0]}"
        environment = moving_environment(self.repository) | person
        arguments = ["update-ref", "-m", said, ref, to, old or "0" * len(to)]
        run_git(arguments, environment=environment, cwd=self.repository.git_dir)


def refs_environment(repository: Repository, overruled: Mapping[str, str] = _OFF) -> dict[str, str]:
    """For reading references, which needs the repository's own GIT_DIR, with values over its configuration.

    Of what that names, reading starts nothing; moving a reference does (`moving_environment`).
    """
    numbered = {f"GIT_CONFIG_KEY_{i}": key for i, key in enumerate(overruled)}
    numbered |= {f"GIT_CONFIG_VALUE_{i}": value for i, value in enumerate(overruled.values())}
    named = {"GIT_DIR": str(repository.git_dir), "GIT_CONFIG_COUNT": str(len(overruled))}
    return closed_environment() | named | numbered


def moving_environment(repository: Repository) -> dict[str, str]:
    """For moving a reference: no hook of the transaction runs, neither a file nor a setting (git 2.54)."""
    asked = ["config", "--null", "--name-only", "--list"]
    named = run_git(asked, environment=refs_environment(repository), cwd=repository.git_dir)
    keys = {key for key in named.decode("utf-8", "surrogateescape").split("\0") if key.startswith("hook.")}
    hooks = {"reference-transaction", *(key[len("hook.") : key.rfind(".")] for key in keys)}
    off = {f"hook.{name}.enabled": "false" for name in sorted(hooks) if name}
    return refs_environment(repository, {**_OFF, **off})
