"""A real git repository for a test, made by the real git without the developer's own configuration."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}

_VALUES = ("-c", "protocol.file.allow=always", "-c", "gc.auto=0", "-c", "safe.directory=*")
"""Nothing is packed in the background, where it meets the removal of the repository; another may own it."""


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A repository, and git as its owner uses it."""

    top: Path

    def git(self, *arguments: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            ["git", *_VALUES, *arguments],
            cwd=self.top,
            env={**os.environ, **ENVIRONMENT},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        """Write files of the top folder; a dunder stands for the dot of a suffix."""
        for name, text in files.items():
            (self.top / name.replace("__", ".")).write_text(text)

    def commit(self, message: str = "More") -> str:
        """Commit all there is, and give the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


def make_repository(top: Path, **files: str) -> GitRepository:
    """A new repository with these files committed, if there are any."""
    top.mkdir(parents=True, exist_ok=True)
    repository = GitRepository(top)
    repository.git("init", "--quiet", "--initial-branch", "main")
    if files:
        repository.write(**files)
        repository.commit("First")
    return repository
