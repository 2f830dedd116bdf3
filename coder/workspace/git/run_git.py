"""Run one git command in a completely specified environment."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from coder.base.errors import MachineError

LONGEST_S = 120.0
"""Seconds for one git command, on the largest repository that a run reads."""


class GitFailed(MachineError):
    """Git is missing, failed, or took too long."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        """Take a message, and git's exit code if it exited by itself."""
        super().__init__(message)
        self.code = code


def run_git(
    arguments: Sequence[str], *, environment: dict[str, str], stdin: bytes = b"", cwd: Path, tree: Path
) -> bytes:
    """Output of a git command. Raises GitFailed: git is missing, failed, or took too long.

    Args:
        tree: the work tree. Neither git nor what it starts is taken from it, nor from a repository around it.
    """
    path = path_outside(tree)
    program = program_outside("git", tree)
    if program is None:
        raise GitFailed(f"There is no git on this machine outside of {tree}.")
    environment = environment | {"PATH": path}
    try:
        done = subprocess.run(
            [program, *arguments],
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
        raise GitFailed(f"git {arguments[0]} failed: {words}", code=done.returncode)
    return done.stdout


def program_outside(name: str, tree: Path) -> str | None:
    """Find a program on PATH outside a work tree and the repositories around it; links are followed."""
    within = _outermost(tree)
    for place in path_outside(tree).split(os.pathsep):
        program = shutil.which(name, path=place) if place else None
        if program is not None and not Path(program).resolve().is_relative_to(within):
            return program
    return None


def path_outside(tree: Path) -> str:
    """PATH without relative folders and those inside of a work tree or of a repository around it."""
    within = _outermost(tree)
    places = [place for place in os.get_exec_path() if os.path.isabs(place)]
    return os.pathsep.join(place for place in places if not Path(place).resolve().is_relative_to(within))


def _outermost(tree: Path) -> Path:
    """The topmost folder at or above this one that has a `.git`; else the folder itself."""
    tree = tree.resolve()
    return next((top for top in reversed((tree, *tree.parents)) if os.path.lexists(top / ".git")), tree)


def closed_environment() -> dict[str, str]:
    """An environment in which git reads no configuration, never prompts and starts no pager."""
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
