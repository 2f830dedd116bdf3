"""Run one git command in a completely specified environment."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from coder.base.errors import MachineError

TIMEOUT_S = 120.0
"""Time limit in seconds for one git command."""


class GitFailed(MachineError):
    """Git is missing, failed, or took too long."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        """Set the message, and git's exit code if it exited by itself."""
        super().__init__(message)
        self.code = code


def run_git(
    arguments: Sequence[str], *, environment: dict[str, str], stdin: bytes = b"", cwd: Path, tree: Path
) -> bytes:
    """Return the output of a git command. Raises GitFailed: git is missing, failed, or took too long.

    Args:
        tree: the work tree. Git and programs started by git are never taken from it or an outer repository.
    """
    path = path_outside(tree)
    program = program_outside("git", tree)
    if program is None:
        raise GitFailed(f"There is no git on this machine outside of {tree}.")
    environment = environment | {"PATH": path}
    try:
        process = subprocess.run(
            [program, *arguments],
            env=environment,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git {arguments[0]} failed: {error}") from error
    if process.returncode != 0:
        words = (
            process.stderr.decode("utf-8", "backslashreplace").strip() or f"exit code {process.returncode}"
        )
        raise GitFailed(f"git {arguments[0]} failed: {words}", code=process.returncode)
    return process.stdout


def program_outside(name: str, tree: Path) -> str | None:
    """Find a program on PATH that isn't in a work tree or an outer repository, even through links."""
    outer_folder = _outermost(tree)
    for folder in path_outside(tree).split(os.pathsep):
        program = shutil.which(name, path=folder) if folder else None
        if program is not None and not Path(program).resolve().is_relative_to(outer_folder):
            return program
    return None


def path_outside(tree: Path) -> str:
    """Return PATH without relative folders and folders in a work tree or an outer repository."""
    outer_folder = _outermost(tree)
    folders = [folder for folder in os.get_exec_path() if os.path.isabs(folder)]
    return os.pathsep.join(
        folder for folder in folders if not Path(folder).resolve().is_relative_to(outer_folder)
    )


def _outermost(tree: Path) -> Path:
    """Return the topmost folder at or above this one that has a `.git`, else the folder itself."""
    tree = tree.resolve()
    return next((top for top in reversed((tree, *tree.parents)) if os.path.lexists(top / ".git")), tree)


def closed_environment() -> dict[str, str]:
    """Return an environment in which git reads no configuration, never prompts and starts no pager."""
    path = os.pathsep.join(folder for folder in os.get_exec_path() if os.path.isabs(folder))
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
