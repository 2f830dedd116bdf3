"""Run git on a repository with our own GIT_DIR, so that the repository can't start programs.

Only plain configuration values are copied. `.gitattributes` may name filters, but none is defined here, so
none runs. Objects, index, `info/exclude` and sparse patterns are the repository's.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coder.workspace.git.found import Repository
from coder.workspace.git.run_git import GitFailed, closed_environment, run_git

_MAX_BYTES = 1 << 20
_WORDS = re.compile(r"^(true|false|yes|no|on|off|0|1|input|warn|lf|crlf|native)?$", re.IGNORECASE)
_PERSON = re.compile(r"^[^\n<>]{0,200}$")
_CORE_KEYS = (
    "autocrlf", "eol", "filemode", "ignorecase", "precomposeunicode", "protecthfs", "protectntfs",
    "sparsecheckout", "sparsecheckoutcone", "repositoryformatversion",
)  # fmt: skip
_PLAIN_KEYS = {
    **{f"core.{name}": _WORDS for name in _CORE_KEYS},
    "extensions.objectformat": re.compile("^sha(1|256)$"),
    "user.name": _PERSON,
    "user.email": _PERSON,
}
"""Keys copied from a repository's configuration, with permitted values; none names a program."""
_EXCLUDES_KEY = "core.excludesfile"
"""Key copied only from the user's configuration."""


@dataclass(frozen=True, slots=True)
class Git:
    """Git for one repository, while our GIT_DIR exists."""

    repository: Repository
    environment: dict[str, str]
    values: dict[str, str]
    """Plain values of the configuration; the repository's take precedence over the user's."""

    def run(
        self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None, index: Path | None = None
    ) -> bytes:
        """Return the output of a command at the work tree's top or in `cwd`, perhaps with another index."""
        environment = self.environment | ({"GIT_INDEX_FILE": str(index)} if index is not None else {})
        top = self.repository.top
        return run_git(arguments, environment=environment, stdin=stdin, cwd=cwd or top, tree=top)


@contextmanager
def isolated(repository: Repository) -> Iterator[Git]:
    """Yield git for this repository, with a temporary GIT_DIR."""
    with tempfile.TemporaryDirectory(prefix="coder-git-") as path:
        folder = Path(path)
        for name in ("refs", "info", "objects"):
            (folder / name).mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        _take_over(repository.common_dir / "info" / "exclude", folder / "info" / "exclude")
        _take_over(repository.git_dir / "info" / "sparse-checkout", folder / "info" / "sparse-checkout")
        _take_over(repository.common_dir / "info" / "attributes", folder / "info" / "attributes")
        for shared_index in repository.git_dir.glob("sharedindex.*"):  # parts of a split index
            (folder / shared_index.name).symlink_to(shared_index)
        values = _user_values(repository) | _own_values(repository)
        (folder / "config").write_text(_config(values), encoding="utf-8", errors="surrogateescape")
        environment = {
            "GIT_DIR": path,
            "GIT_WORK_TREE": str(repository.top),
            "GIT_OBJECT_DIRECTORY": str(repository.common_dir / "objects"),
            "GIT_INDEX_FILE": str(repository.git_dir / "index"),
        }
        yield Git(repository, closed_environment() | environment, values)


def _config(values: dict[str, str]) -> str:
    """Return values as a configuration file, quoted so that no value can begin another entry."""
    escaped = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})
    lines = []
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        lines += [f"[{section}]", f'\t{name} = "{value.translate(escaped)}"']
    return "\n".join([*lines, ""])


def _take_over(source: Path, target: Path) -> None:
    """Copy a small file of patterns, if it exists and is regular."""
    if source.is_file():
        with source.open("rb") as file:
            target.write_bytes(file.read(_MAX_BYTES))


def _own_values(repository: Repository) -> dict[str, str]:
    """Return plain values in the repository's files, which git parses without following includes."""
    values: dict[str, str] = {}
    environment = {**closed_environment(), "GIT_DIR": os.devnull}
    for file in (repository.common_dir / "config", repository.git_dir / "config.worktree"):
        if file.is_file():
            values |= _read(["--file", str(file), "--no-includes"], environment, repository.top)
    values.pop(_EXCLUDES_KEY, None)
    return values


def _user_values(repository: Repository) -> dict[str, str]:
    """Return values of the user's git configuration; `includeIf gitdir:` uses the real repository."""
    environment = {**os.environ, "GIT_DIR": str(repository.git_dir), "GIT_PAGER": "cat"}
    config_home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    values = {_EXCLUDES_KEY: str(Path(config_home) / "git" / "ignore")}
    for scope in ("--system", "--global"):
        values |= _read([scope, "--includes"], environment, repository.top)
    return {**values, _EXCLUDES_KEY: os.path.expanduser(values[_EXCLUDES_KEY])}


def _read(source: list[str], environment: dict[str, str], tree: Path) -> dict[str, str]:
    """Return plain values of one source by key; empty if it has none, is unreadable, or git is missing."""
    pattern = "^(" + "|".join(key.replace(".", r"\.") for key in (*_PLAIN_KEYS, _EXCLUDES_KEY)) + ")$"
    arguments = ["config", *source, "--null", "--get-regexp", pattern]
    try:
        output = run_git(arguments, environment=environment, cwd=Path(os.sep), tree=tree)
    except GitFailed:
        return {}
    rows = (row.partition("\n") for row in output.decode("utf-8", "surrogateescape").split("\0") if row)
    values = {key: value if newline else "true" for key, newline, value in rows}
    return {
        key: value
        for key, value in values.items()
        if key not in _PLAIN_KEYS or _PLAIN_KEYS[key].search(value)
    }
