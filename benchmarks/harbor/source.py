"""Find Harbor tasks in a folder or in a git repository: `harbor:FOLDER`, `git:URL[@REF]`.

A repository is fetched by git without its hooks, filters and submodules; each commit is fetched once.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from benchmarks.harbor.task import TASK_FILE
from coder.base.errors import UsageError
from coder.base.fs.private_folder import cache_folder
from coder.workspace.git.run_git import GitFailed, closed_environment, run_git
from sandbox.result import Value

FOLDER, GIT = "harbor:", "git:"
"""Prefixes of sources."""
MAX_DEPTH = 5
"""Maximum depth of a task's folder below the top of its source."""
MAX_FOLDERS = 50_000
_PROTOCOLS = "https:http:ssh:git:file"


class HarborSource(Value):
    """Tasks of one source."""

    name: str
    """Name of the folder or repository, independent of its location."""
    folders: tuple[Path, ...]
    """Folders of the tasks, sorted."""
    commit: str | None = None
    """Commit of a git source."""


def is_source(text: str) -> bool:
    """Whether a suite's name is a source of Harbor tasks."""
    return text.startswith((FOLDER, GIT))


def open_source(text: str, *, cache: Path | None = None) -> HarborSource:
    """Find all tasks of a source. Raises UsageError.

    Args:
        cache: folder of fetched repositories.
    """
    if text.startswith(FOLDER):
        folder = Path(text.removeprefix(FOLDER)).expanduser()
        return HarborSource(name=folder.resolve().name, folders=find_tasks(folder))
    if not text.startswith(GIT):
        raise UsageError(f"{text!r} is no source of Harbor tasks. Write {FOLDER}FOLDER or {GIT}URL[@REF].")
    url, ref = split_ref(text.removeprefix(GIT))
    folder, commit = fetch(url, ref, cache or cache_folder() / "harbor")
    name = re.split(r"[/:]", url.rstrip("/"))[-1].removesuffix(".git")
    return HarborSource(name=name, folders=find_tasks(folder), commit=commit)


def holds_tasks(folder: Path) -> bool:
    """Whether a folder is a Harbor task or directly contains one."""
    return (folder / TASK_FILE).exists() or any(folder.glob(f"*/{TASK_FILE}"))


def find_tasks(folder: Path) -> tuple[Path, ...]:
    """Return the folder of the task in a folder, or of all tasks below it, sorted. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.")
    folders = tuple(sorted(_task_folders(folder)))
    if not folders:
        raise UsageError(
            f"{folder} holds no Harbor task: no {TASK_FILE} in it or in its folders, {MAX_DEPTH} levels deep."
        )
    return folders


def _task_folders(folder: Path) -> Iterator[Path]:
    """Yield task folders at or below a folder; links, hidden folders and the inside of tasks are skipped."""
    pending, count = [(folder, 0)], 0
    while pending:
        path, depth = pending.pop()
        count += 1
        if count > MAX_FOLDERS:
            raise UsageError(
                f"{folder} holds more than {MAX_FOLDERS:,} folders. Give the folder of the tasks."
            )
        if (path / TASK_FILE).exists():
            yield path
        elif depth < MAX_DEPTH:
            try:
                with os.scandir(path) as entries:
                    names = [
                        entry.name
                        for entry in entries
                        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                    ]
            except OSError as cause:
                raise UsageError(f"{path} can't be read: {cause.strerror}.") from cause
            pending += [(path / name, depth + 1) for name in names]


def split_ref(text: str) -> tuple[str, str]:
    """Split `URL@REF`; the ref is HEAD by default. Raises UsageError."""
    match = re.match(r"[a-z+]+://[^/]*|[^/:]*:|", text)  # the host may have a user before an @
    assert match is not None
    at = text.rfind("@", match.end())
    url, ref = (text, "HEAD") if at < 0 else (text[:at], text[at + 1 :])
    if not url or not ref or url.startswith("-") or ref.startswith("-"):
        raise UsageError(f"{GIT}{text}: write {GIT}URL, or {GIT}URL@REF with a branch, a tag or a commit.")
    return url, ref


def fetch(url: str, ref: str, cache: Path) -> tuple[Path, str]:
    """Return the folder with one commit's files, and the commit. Raises UsageError."""
    repository_cache = cache / sha256(url.encode()).hexdigest()[:16]
    repository_cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=repository_cache, prefix="new-") as path:
        new, tree = Path(path) / "git", Path(path) / "tree"
        tree.mkdir()
        own = closed_environment() | {"GIT_DIR": str(new)}
        _git(("init", "--quiet", "--template="), own, tree)
        options = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules")
        try:
            _git(("fetch", *options, url, ref), _network_environment(new), tree)
        except GitFailed as cause:
            raise UsageError(f"{GIT}{url}@{ref} can't be fetched: {cause}") from cause
        own["GIT_WORK_TREE"] = str(tree)
        commit = _git(("rev-parse", "FETCH_HEAD^{commit}"), own, tree).decode().strip()
        folder = repository_cache / commit
        if not folder.exists():
            _git(("checkout", "--quiet", "--detach", commit), own, tree)
            try:
                tree.rename(folder)
            except OSError:
                if not folder.exists():  # else another process has fetched the commit meanwhile
                    raise
    return folder, commit


def _network_environment(git_dir: Path) -> dict[str, str]:
    """Return an environment in which git uses the user's configuration, with its logins and proxies."""
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    return {
        **os.environ,
        "GIT_DIR": str(git_dir),
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": "core.hooksPath",
        f"GIT_CONFIG_VALUE_{count}": os.devnull,
    }


def _git(arguments: tuple[str, ...], environment: Mapping[str, str], tree: Path) -> bytes:
    return run_git(arguments, environment=dict(environment), cwd=tree, tree=tree)
