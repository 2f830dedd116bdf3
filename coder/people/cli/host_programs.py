"""HostPrograms: run the user's own tools outside of the sandbox, each after a question; gh and glab, too."""

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
from coder.people.chat.wording import tidied
from coder.show.line_reader import LineReader, answer_to
from coder.show.screen import Screen
from coder.workspace.git.run_git import path_outside, program_outside

_LONGEST_NAME = 50
_PLACES = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"),
}
"""Variables by which git works on another repository than the folder's."""


class HostPrograms:
    """Asks, and runs."""

    def __init__(self, reader: LineReader, screen: Screen) -> None:
        """Ask by this reader."""
        self._reader = reader
        self._screen = screen

    async def ask(self, commands: Sequence[Sequence[str]], choices: str) -> str:
        """Ask whether to run these commands; return the answer, empty at the end of input."""
        for command in commands:
            self._screen.tell(f"  $ {visible(shlex.join(command))}")
        return await answer_to(f"Run it? {choices}", self._reader, self._screen.tell)

    async def ran(self, command: Sequence[str], folder: Path, *, finds_inside: bool) -> bool:
        """Whether a command succeeded in a folder, on the terminal; UsageError: there is no such program.

        finds_inside: what it starts may be a program of the repository, by the user's PATH.
        """
        program = program_outside(command[0], folder)
        if program is None:
            raise UsageError(f"There is no {command[0]} on this machine.")
        environment = _environment() if finds_inside else _environment() | {"PATH": path_outside(folder)}
        self._screen.rest()
        stdin = None if sys.stdin.isatty() else asyncio.subprocess.DEVNULL
        before = signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is the program's
        try:
            code = await run_attached(
                program, *command[1:], cwd=folder, env=environment, stdin=stdin, stdout=sys.stderr
            )
        finally:
            signal.signal(signal.SIGINT, before)
        if code != 0:
            self._screen.tell(f"  ✗ {command[0]} {command[1]} ended with {code}")
        return code == 0


def _environment() -> dict[str, str]:
    """The user's environment, where git finds the repository by the folder alone: that is what was shown."""
    return {name: value for name, value in os.environ.items() if name not in _PLACES}


async def run_attached(program: str, *words: str, **streams: Any) -> int:  # noqa: ANN401 - as asyncio has them
    """The exit code of a program on the user's terminal; it ends with us."""
    process = await asyncio.create_subprocess_exec(program, *words, **streams)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def whole(text: str) -> str:
    """A text as one line, whole, without credentials."""
    return visible(Redactor().redact(text)).replace("\n", "\\n")


def opener_of(url: str, find: Callable[[str], str | None]) -> str | None:
    """The tool that opens pull requests on a remote, where the user has it."""
    names = ("glab", "gh") if "gitlab" in url else ("gh", "glab")
    return next((name for name in names if find(name) is not None), None)


def opening(tool: str, *, branch: str, base: str, title: str, body: str) -> list[str]:
    """Return the command of `gh` or `glab` that opens a pull request."""
    if tool == "gh":
        flags = [f"--head={branch}", f"--base={base}", f"--title={title}", f"--body={body}"]
        return ["gh", "pr", "create", *flags]
    flags = [f"--source-branch={branch}", f"--target-branch={base}", f"--title={title}"]
    return ["glab", "mr", "create", *flags, f"--description={body}", "--yes"]


def first_line(text: str) -> str:
    """The first line of a text as a message."""
    return tidied(text.partition("\n")[0])


def branch_name(text: str) -> str:
    """A name for a branch from the first line of a text."""
    words = re.findall(r"[a-z0-9._/]+", text.partition("\n")[0].lower())
    return "-".join(words)[:_LONGEST_NAME].strip("-./")
