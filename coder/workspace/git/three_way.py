"""Merge two changes of one text, line by line, as `git merge` does, with no repository around it."""

import os
import subprocess
import tempfile
from pathlib import Path

from coder.workspace.git.isolated import LONGEST_S, GitFailed, closed_environment, git_program

_MOST_CONFLICTS = 127
"""Git counts conflicts in its exit code, up to here; more is an error."""


def merge(base: bytes, one: bytes, other: bytes) -> bytes | None:
    """The text with both changes; None where they change the same lines.

    Raises:
        GitFailed: there is no git, or a text is binary.
    """
    with tempfile.TemporaryDirectory(prefix="coder-merge-") as place:
        for name, content in (("one", one), ("base", base), ("other", other)):
            (Path(place) / name).write_bytes(content)
        environment = closed_environment() | {"GIT_CEILING_DIRECTORIES": str(Path(place).parent)}
        try:
            done = subprocess.run(
                [git_program(), "merge-file", "--stdout", "one", "base", "other"],
                cwd=place,
                env=environment | {"GIT_DIR": os.path.join(place, "none")},
                capture_output=True,
                timeout=LONGEST_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitFailed(f"git merge-file failed: {error}") from error
    if 0 < done.returncode <= _MOST_CONFLICTS:
        return None
    if done.returncode:
        raise GitFailed(f"git merge-file failed: {done.stderr.decode('utf-8', 'backslashreplace').strip()}")
    return done.stdout
