"""Run git on a repository with a GIT_DIR of our own, so that the repository can start nothing.

Takes over only plain configuration values; `.gitattributes` may still name filters, but none is defined here,
so none runs. Objects, index, `info/exclude` and sparse patterns are the repository's own.
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

_MOST_EXCLUDED = 1 << 20
_WORDS = re.compile(r"^(true|false|yes|no|on|off|0|1|input|warn|lf|crlf|native)?$", re.IGNORECASE)
_PERSON = re.compile(r"^[^\n<>]{0,200}$")
_CORE = (
    "autocrlf", "eol", "filemode", "ignorecase", "precomposeunicode", "protecthfs", "protectntfs",
    "sparsecheckout", "sparsecheckoutcone", "repositoryformatversion",
)  # fmt: skip
_PLAIN = {
    **{f"core.{name}": _WORDS for name in _CORE},
    "extensions.objectformat": re.compile("^sha(1|256)$"),
    "user.name": _PERSON,
    "user.email": _PERSON,
}
"""Values taken over from a repository's configuration, with permitted contents: none names a program."""
_EXCLUDES = "core.excludesfile"
"""Values taken from the user's own configuration alone."""


@dataclass(frozen=True, slots=True)
class Git:
    """Git on one repository, while our GIT_DIR exists."""

    repository: Repository
    environment: dict[str, str]
    values: dict[str, str]
    """Plain values of the configuration, the repository's over the user's."""

    def run(
        self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None, index: Path | None = None
    ) -> bytes:
        """Output of a command at the top of the work tree, or in `cwd`; optionally on another index."""
        environment = self.environment | ({"GIT_INDEX_FILE": str(index)} if index is not None else {})
        top = self.repository.top
        return run_git(arguments, environment=environment, stdin=stdin, cwd=cwd or top, tree=top)


@contextmanager
def isolated(repository: Repository) -> Iterator[Git]:
    """Git on this repository, with a temporary GIT_DIR."""
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
        values = _user_values(repository) | _own_values(repository)
        (folder / "config").write_text(_config(values), encoding="utf-8", errors="surrogateescape")
        environment = {
            "GIT_DIR": place,
            "GIT_WORK_TREE": str(repository.top),
            "GIT_OBJECT_DIRECTORY": str(repository.common_dir / "objects"),
            "GIT_INDEX_FILE": str(repository.git_dir / "index"),
        }
        yield Git(repository, closed_environment() | environment, values)


def _config(values: dict[str, str]) -> str:
    """Values as a configuration file, quoted so that none can begin another."""
    escaped = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})
    lines = []
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        lines += [f"[{section}]", f'\t{name} = "{value.translate(escaped)}"']
    return "\n".join([*lines, ""])


def _take_over(source: Path, target: Path) -> None:
    """Copy a small file of patterns, if it is present and regular."""
    if source.is_file():
        with source.open("rb") as file:
            target.write_bytes(file.read(_MOST_EXCLUDED))


def _own_values(repository: Repository) -> dict[str, str]:
    """Values of _PLAIN in the repository's own files; git parses them without following includes."""
    values: dict[str, str] = {}
    environment = {**closed_environment(), "GIT_DIR": os.devnull}
    for place in (repository.common_dir / "config", repository.git_dir / "config.worktree"):
        if place.is_file():
            values |= _read(["--file", str(place), "--no-includes"], environment, repository.top)
    values.pop(_EXCLUDES, None)
    return values


def _user_values(repository: Repository) -> dict[str, str]:
    """Values of the user's git configuration; `includeIf gitdir:` is evaluated for the real repository."""
    environment = {**os.environ, "GIT_DIR": str(repository.git_dir), "GIT_PAGER": "cat"}
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    values = {_EXCLUDES: str(Path(home) / "git" / "ignore")}
    for scope in ("--system", "--global"):
        values |= _read([scope, "--includes"], environment, repository.top)
    return {**values, _EXCLUDES: os.path.expanduser(values[_EXCLUDES])}


def _read(source: list[str], environment: dict[str, str], tree: Path) -> dict[str, str]:
    """Plain values of one source by key; empty if it has none, is unreadable, or git is missing."""
    pattern = "^(" + "|".join(key.replace(".", r"\.") for key in (*_PLAIN, _EXCLUDES)) + ")$"
    arguments = ["config", *source, "--null", "--get-regexp", pattern]
    try:
        printed = run_git(arguments, environment=environment, cwd=Path(os.sep), tree=tree)
    except GitFailed:
        return {}
    rows = (row.partition("\n") for row in printed.decode("utf-8", "surrogateescape").split("\0") if row)
    values = {key: value if newline else "true" for key, newline, value in rows}
    return {key: value for key, value in values.items() if key not in _PLAIN or _PLAIN[key].search(value)}
