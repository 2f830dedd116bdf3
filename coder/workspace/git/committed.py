"""Read what HEAD has of some files."""

from collections.abc import Iterable
from pathlib import Path

from coder.workspace.git.found import find_repository
from coder.workspace.git.isolated import Git, GitFailed, isolated, refs_environment, run_git


def contents_at_head(folder: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Contents of files beneath a folder as they were last committed, by path; none of those that weren't."""
    found: dict[str, bytes] = {}
    repository = find_repository(folder)
    if repository is None:
        return found
    try:
        environment = refs_environment(repository)
        head = run_git(["rev-parse", "--verify", "HEAD"], environment=environment, cwd=repository.git_dir)
        with isolated(repository) as git:
            for path in paths:
                place = (folder / path).relative_to(repository.top).as_posix()
                found |= _blob(git, f"{head.decode().strip()}:{place}", path)
    except GitFailed:
        return found
    return found


def _blob(git: Git, name: str, path: str) -> dict[str, bytes]:
    try:
        return {path: git.run("cat-file", "blob", name)}
    except GitFailed:
        return {}  # it isn't in that commit
