"""Run git on a repository with a GIT_DIR of our own, so that the repository can start nothing.

Of its configuration only plain values are taken over; `.gitattributes` may still name filters, but none of
them is defined here, so that none runs. Objects, index, `info/exclude` and sparse patterns are its own.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coder.errors import MachineError
from coder.workspace.git.found import Repository
from coder.workspace.git.plainconfig import own_values, user_values

LONGEST_S = 120.0
"""For one command of git's, on the largest repository that a run reads."""
_MOST_EXCLUDED = 1 << 20
_OFF = {"core.hooksPath": os.devnull, "core.fsmonitor": "false", "gc.auto": "0"}


class GitFailed(MachineError):
    """Git isn't there, ended with an error, or took too long."""


@dataclass(frozen=True, slots=True)
class Git:
    """Git on one repository, while its own GIT_DIR is there."""

    repository: Repository
    environment: dict[str, str]
    values: dict[str, str]
    """Plain values of the configuration, the repository's over the user's."""

    def run(
        self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None, index: Path | None = None
    ) -> bytes:
        """What a command prints.

        Args:
            cwd: where it runs; the top of the work tree unless it is given.
            index: another index than the repository's.

        Raises:
            GitFailed: it ended with an error; the message has git's own words.
        """
        named = {"GIT_INDEX_FILE": str(index)} if index is not None else {}
        return run_git(
            arguments, environment=self.environment | named, stdin=stdin, cwd=cwd or self.repository.top
        )


@contextmanager
def isolated(repository: Repository) -> Iterator[Git]:
    """Git on this repository, with a GIT_DIR that is removed at the end.

    Raises:
        GitFailed: there is no git, or it can't read the configuration.
    """
    with tempfile.TemporaryDirectory(prefix="coder-git-") as place:
        folder = Path(place)
        for name in ("refs", "info", "objects"):
            (folder / name).mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        _take_over(repository.common_dir / "info" / "exclude", folder / "info" / "exclude")
        _take_over(repository.git_dir / "info" / "sparse-checkout", folder / "info" / "sparse-checkout")
        _take_over(repository.common_dir / "info" / "attributes", folder / "info" / "attributes")
        for shared in repository.git_dir.glob("sharedindex.*"):  # of a split index
            (folder / shared.name).symlink_to(shared)
        values = user_values(repository) | own_values(repository)
        (folder / "config").write_text(_config(values), encoding="utf-8", errors="surrogateescape")
        yield Git(repository, _environment(repository, folder), values)


def refs_environment(repository: Repository) -> dict[str, str]:
    """For reading the repository's own references, which needs its own GIT_DIR, so its configuration is read.

    Of what that names, these commands start nothing; moving a reference does (`moving_environment`).
    """
    return _overruled(repository, _OFF)


def moving_environment(repository: Repository) -> dict[str, str]:
    """For moving a reference: no hook of the transaction runs, no file's and, from git 2.54 on, no setting's.

    Raises:
        GitFailed: the configuration can't be read.
    """
    reading = refs_environment(repository)
    named = run_git(
        ["config", "--null", "--name-only", "--list"], environment=reading, cwd=repository.git_dir
    )
    keys = {key for key in named.decode("utf-8", "surrogateescape").split("\0") if key.startswith("hook.")}
    hooks = {"reference-transaction", *(key[len("hook.") : key.rfind(".")] for key in keys)}
    off = {f"hook.{name}.enabled": "false" for name in sorted(hooks) if name}
    return _overruled(repository, {**_OFF, **off})


def _overruled(repository: Repository, overruled: dict[str, str]) -> dict[str, str]:
    """An environment with the repository's own GIT_DIR and these values over its configuration."""
    numbered = {f"GIT_CONFIG_KEY_{i}": key for i, key in enumerate(overruled)}
    numbered |= {f"GIT_CONFIG_VALUE_{i}": value for i, value in enumerate(overruled.values())}
    named = {"GIT_DIR": str(repository.git_dir), "GIT_CONFIG_COUNT": str(len(overruled))}
    return closed_environment() | named | numbered


def run_git(arguments: Sequence[str], *, environment: dict[str, str], stdin: bytes = b"", cwd: Path) -> bytes:
    """What one command of git's prints, in an environment that is given whole.

    Raises:
        GitFailed: it isn't there, ended with an error, or took too long.
    """
    try:
        done = subprocess.run(
            [git_program(), *arguments],
            env=environment,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git {arguments[0]} failed: {error}") from error
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "backslashreplace").strip() or f"exit code {done.returncode}"
        raise GitFailed(f"git {arguments[0]} failed: {words}")
    return done.stdout


def closed_environment() -> dict[str, str]:
    """An environment in which git reads no configuration of anyone's, asks nobody and pages nothing."""
    path = os.pathsep.join(place for place in os.get_exec_path() if os.path.isabs(place))
    return {
        "PATH": path,
        "LC_ALL": "C.UTF-8",
        "HOME": os.devnull,
        "XDG_CONFIG_HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PAGER": "cat",
        "GIT_EDITOR": "false",
    }


def _environment(repository: Repository, folder: Path) -> dict[str, str]:
    return closed_environment() | {
        "GIT_DIR": str(folder),
        "GIT_WORK_TREE": str(repository.top),
        "GIT_OBJECT_DIRECTORY": str(repository.objects),
        "GIT_INDEX_FILE": str(repository.git_dir / "index"),
    }


def git_program() -> str:
    """Where git is.

    Raises:
        GitFailed: it isn't on this machine.
    """
    found = shutil.which("git", path=closed_environment()["PATH"])
    if found is None:
        raise GitFailed("There is no git on this machine.")
    return found


def _config(values: dict[str, str]) -> str:
    """Values as a configuration file; each in quotes, so that none can begin another."""
    escaped = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})
    lines = []
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        lines += [f"[{section}]", f'\t{name} = "{value.translate(escaped)}"']
    return "\n".join([*lines, ""])


def _take_over(source: Path, target: Path) -> None:
    """Copy a small file of patterns, if it is there and regular."""
    if source.is_file():
        with source.open("rb") as file:
            target.write_bytes(file.read(_MOST_EXCLUDED))
