"""Seconds from Enter to the first word of an answer, in a folder of many files.

    python -m perf.first_token [--files N] [--rounds N] [--aider AIDER]

`coder chat`, and aider in turn with it where its program is named, in terminals of their own, on a git
repository of N Python files, with a model that answers at once. Of each conversation the first message and
the second are timed. Printed are medians. Aim: 0.7 s in a folder of 5,000 files.
"""

import argparse
import os
import pty
import select
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from perf.instant import instant_endpoint
from tests.git_repository import make_repository

_ANSWER = b"done"
_QUESTION = b"What does f_7 of module_7 give?\r"
_WHERE, _HERE = b"\x1b[6n", b"\x1b[1;1R"
"""A terminal is asked where its cursor is, and says so."""
_QUIET = (
    "--no-show-model-warnings",
    "--no-check-update",
    "--analytics-disable",
    "--no-gitignore",
    "--no-show-release-notes",
)
_SILENT_S, _LONGEST_S = 2.0, 300.0


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, argv: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(argv[0], argv, environment)

    def until(self, wanted: bytes | None) -> float:
        """Seconds until it prints this, or nothing more."""
        began, output = time.perf_counter(), b""
        while time.perf_counter() - began < _LONGEST_S:
            if not select.select([self._screen], [], [], _SILENT_S)[0]:
                if wanted is None and output:
                    return time.perf_counter() - began
                continue
            piece = os.read(self._screen, 1 << 16)
            if _WHERE in piece:
                os.write(self._screen, _HERE)
            output += piece
            if wanted is not None and wanted in output:
                return time.perf_counter() - began
        raise TimeoutError(f"{wanted!r} was not printed: {output[-2000:]!r}")

    def type(self, text: bytes) -> None:
        """As if by hand."""
        os.write(self._screen, text)

    def end(self) -> None:
        """Hang up."""
        os.kill(self.pid, signal.SIGHUP)
        time.sleep(0.5)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._screen)


def conversation(argv: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds to the first word of the first answer and of the second."""
    terminal = Terminal(argv, folder, environment)
    try:
        terminal.until(None)
        took = []
        for _ in range(2):
            terminal.type(_QUESTION[:-1])
            terminal.until(None)  # what is typed has been echoed
            terminal.type(b"\r")
            took.append(terminal.until(_ANSWER))
            terminal.until(None)
    finally:
        terminal.end()
    return took[0], took[1]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--aider", help="the program, in an environment of its own")
    arguments = parser.parse_args()
    with instant_endpoint() as url, tempfile.TemporaryDirectory() as top:
        environment = {**os.environ, "HOME": top, "CODER_HOME": f"{top}/coder", "TERM": "xterm-256color"}
        environment |= {"OPENAI_API_KEY": "unused", "OPENAI_API_BASE": f"{url}/text/v1"}
        command = [str(Path(sys.executable).with_name("coder")), "chat", "--base-url", f"{url}/text/v1"]
        programs = {"coder chat": [*command, "-m", "toy", "--price", "0,0"]}
        if arguments.aider:
            programs["aider"] = [arguments.aider, "--model", "openai/toy", *_QUIET]
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        for name in programs:
            _repository(Path(top, name), arguments.files)
        for _ in range(arguments.rounds):
            for name, argv in programs.items():
                took[name].append(conversation(argv, Path(top, name), environment))
        for name, some in took.items():
            first, second = (median(one) for one in zip(*some, strict=True))
            print(f"{name:12} first message {first:6.2f} s   second {second:6.2f} s")


def _repository(folder: Path, files: int) -> None:
    repository = make_repository(folder)
    for number in range(files):
        path = folder / f"part_{number % 50}" / f"module_{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"def f_{number}(x):\n    return x + {number}\n")
    repository.commit()


if __name__ == "__main__":
    main()
