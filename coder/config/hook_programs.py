"""Find hooks of the user whose program isn't on this machine."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable

from coder.run.extensions import Hook

_SHELL_SYNTAX = re.compile(r"[|&;<>()`\n!\\]|\$(?!\w|\{\w+\})")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.ASCII)


def program_of(command: str) -> str:
    """Return the name of the one program that a command runs; empty if it has shell syntax, or a path."""
    if _SHELL_SYNTAX.search(command):
        return ""
    try:
        words = [word for word in shlex.split(command) if not _ASSIGNMENT.fullmatch(word)]
    except ValueError:
        return ""
    return words[0] if words and _PLAIN_NAME.fullmatch(words[0]) else ""


def without_program(hooks: Iterable[Hook]) -> dict[str, list[Hook]]:
    """Return the hooks whose program is neither on PATH nor part of the shell, by the program."""
    by_program: dict[str, list[Hook]] = {}
    for hook in hooks:
        if (program := program_of(hook.command)) and shutil.which(program) is None:
            by_program.setdefault(program, []).append(hook)
    return {program: hooks for program, hooks in by_program.items() if not _is_of_shell(program)}


def notes_on_missing(hooks: Iterable[Hook]) -> list[str]:
    """Return a note for each missing program: which hooks don't run, and what to do."""
    notes = []
    for program, affected in without_program(hooks).items():
        events = ", ".join(dict.fromkeys(hook.event for hook in affected))
        notes.append(
            f"hooks of {events} don't run, as {program} isn't on this machine: install it, or remove them "
            "(coder skills lists them)"
        )
    return notes


def runnable(hooks: tuple[Hook, ...]) -> tuple[Hook, ...]:
    """Return the hooks whose programs aren't missing."""
    missing = [hook for affected in without_program(hooks).values() for hook in affected]
    return tuple(hook for hook in hooks if hook not in missing)


def _is_of_shell(name: str) -> bool:
    return subprocess.run(["/bin/sh", "-c", f"command -v {name}"], stdout=subprocess.DEVNULL).returncode == 0
