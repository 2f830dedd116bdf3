"""HostPrograms: run the user's own tools outside of the sandbox, each after a question; also gh and glab."""

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coder.base.errors import UsageError
from coder.base.text.redact import Redactor
from coder.base.text.sanitize import visible
from coder.people.chat.wording import clean_message
from coder.run.extensions import Rules
from coder.show.line_reader import LineReader, answer_to
from coder.show.screen import Screen
from coder.workspace.git.run_git import path_outside, program_outside

_MAX_NAME_CHARACTERS = 50
_GIT_VARIABLES = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"),
}
"""Variables that make git work on another repository than the folder's."""


class HostPrograms:
    """Asks about programs on the host, and runs them."""

    def __init__(self, reader: LineReader, screen: Screen, rules: Rules | None = None) -> None:
        """Initialize with the reader for answers, the screen, and the user's rules."""
        self._rules = rules
        self._reader = reader
        self._screen = screen

    async def ask(self, commands: Sequence[Sequence[str]], choices: str) -> str:
        """Ask whether to run these commands; return the answer, empty at the end of input."""
        for command in commands:
            self._require_allowed(command)
            self._screen.tell(f"  $ {visible(shlex.join(command))}")
        return await answer_to(f"Run it? {choices}", self._reader, self._screen.tell)

    async def run(self, command: Sequence[str], folder: Path, *, finds_inside: bool) -> bool:
        """Run a command in a folder on the user's terminal; return whether it succeeded.

        Args:
            finds_inside: whether the command may find programs of the repository on the user's PATH.

        Raises:
            UsageError: there is no such program.
        """
        self._require_allowed(command)
        program = program_outside(command[0], folder)
        if program is None:
            raise UsageError(f"There is no {command[0]} on this machine.")
        environment = _environment() if finds_inside else _environment() | {"PATH": path_outside(folder)}
        self._screen.rest()
        stdin = None if sys.stdin.isatty() else asyncio.subprocess.DEVNULL
        previous_handler = signal.signal(
            signal.SIGINT, lambda number, frame: None
        )  # Ctrl-C goes to the program
        try:
            exit_code = await run_attached(
                program, *command[1:], cwd=folder, env=environment, stdin=stdin, stdout=sys.stderr
            )
        finally:
            signal.signal(signal.SIGINT, previous_handler)
        if exit_code != 0:
            self._screen.tell(f"  ✗ {command[0]} {command[1]} ended with {exit_code}")
        return exit_code == 0

    def _require_allowed(self, command: Sequence[str]) -> None:
        if self._rules is None:
            return
        from coder.config.permission_rules import denies, of_command  # imported late: few users have rules

        if denies(ruling := of_command(self._rules, command)):
            raise UsageError(f"Your rule denies {on_one_line(shlex.join(command))}: {ruling}.")


def _environment() -> dict[str, str]:
    """Return the user's environment without variables that redirect git to another repository."""
    return {name: value for name, value in os.environ.items() if name not in _GIT_VARIABLES}


async def run_attached(program: str, *words: str, **streams: Any) -> int:  # noqa: ANN401 - as asyncio has them
    """Run a program on the user's terminal, and return its exit code; it ends with this process."""
    process = await asyncio.create_subprocess_exec(program, *words, **streams)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def on_one_line(text: str) -> str:
    """Return the full text on one line, without credentials."""
    return visible(Redactor().redact(text)).replace("\n", "\\n")


def opener_of(url: str, find: Callable[[str], str | None]) -> str | None:
    """Return the installed tool that opens pull requests on a remote; None if there is none."""
    names = ("glab", "gh") if "gitlab" in url else ("gh", "glab")
    return next((name for name in names if find(name) is not None), None)


def pull_request_command(tool: str, *, branch: str, base: str, title: str, body: str) -> list[str]:
    """Return the command of `gh` or `glab` that opens a pull request."""
    if tool == "gh":
        flags = [f"--head={branch}", f"--base={base}", f"--title={title}", f"--body={body}"]
        return ["gh", "pr", "create", *flags]
    flags = [f"--source-branch={branch}", f"--target-branch={base}", f"--title={title}"]
    return ["glab", "mr", "create", *flags, f"--description={body}", "--yes"]


def first_line(text: str) -> str:
    """Return the first line of a text as a message."""
    return clean_message(text.partition("\n")[0])


def branch_name(text: str) -> str:
    """Return a branch name made from the first line of a text."""
    words = re.findall(r"[a-z0-9._/]+", text.partition("\n")[0].lower())
    return "-".join(words)[:_MAX_NAME_CHARACTERS].strip("-./")
