"""HostPrograms: run the user's own tools outside of the sandbox, each after a question."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from coder.chat.line_reader import Cancelled, Reader
from coder.console.screen import Screen
from coder.errors import UsageError
from coder.text.sanitize import printable

YES, NO = ("y", "yes", "Y"), ("", "n", "no", "N")


class HostPrograms:
    """Asks, and runs."""

    def __init__(self, reader: Reader, screen: Screen) -> None:
        """Ask by this reader."""
        self._reader = reader
        self._screen = screen

    async def asked(self, commands: Sequence[Sequence[str]], choices: str) -> str:
        """What is answered to the question whether these commands are to run; empty at the end of input."""
        for command in commands:
            self._screen.tell(f"  $ {printable(shlex.join(command))}")
        try:
            return (await self._reader.line(f"Run it? {choices}") or "").strip()
        except Cancelled:
            return ""

    async def ran(self, command: Sequence[str], folder: Path) -> bool:
        """Whether a command succeeded in a folder; the terminal is its own, for a passphrase, say.

        Raises:
            UsageError: there is no such program.
        """
        program = program_of(command[0], folder)
        if program is None:
            raise UsageError(f"There is no {command[0]} on this machine.")
        self._screen.rest()
        process = await asyncio.create_subprocess_exec(
            program,
            *command[1:],
            cwd=folder,
            stdin=None if sys.stdin.isatty() else asyncio.subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        before = signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is the program's
        try:
            code = await process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if code != 0:
            self._screen.tell(f"  ✗ {command[0]} {command[1]} ended with {code}")
        return code == 0


def program_of(name: str, folder: Path) -> str | None:
    """Find a program of the user, never in the folder, where the model may have written it."""
    places = [Path(place) for place in os.get_exec_path() if os.path.isabs(place)]
    outside = [str(place) for place in places if not place.resolve().is_relative_to(folder.resolve())]
    return shutil.which(name, path=os.pathsep.join(outside))
