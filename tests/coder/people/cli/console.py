"""Start the installed `coder` as a person or a program does: in a pipe, or on a terminal.

A command that is run to its end runs in this process where that makes no difference, and is forked elsewhere;
`start_anew` and `run_behind` start an interpreter.
"""

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from select import select
from time import monotonic

from tests.coder.people.cli.forked_command import ForkedCommand
from tests.coder.people.cli.in_process import run_in_process, runs_in_process
from tests.coder.people.cli.warm_start import warm_start
from tests.less_machine import run_behind

CODER = Path(sys.executable).with_name("coder")
LONGEST_S = 300.0
Started = subprocess.Popen[bytes] | ForkedCommand
Answer = str | Callable[[], object]
RUN_NO_CODE = [("show",), ("ls",), ("config",), ("doctor",), ("models",)]
"""Commands that run no code, which could look for secrets in /proc."""
LEFT_OUT = ("_API_KEY", "CODER_", "COLUMNS", "LINES")
"""In names of variables that no command gets: keys, and the size of another terminal."""


@dataclass(frozen=True, slots=True)
class Console:
    """A place to start commands in, with a log and a home of its own and no key of the developer's."""

    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every command."""
        kept = {name: value for name, value in os.environ.items() if not any(map(name.count, LEFT_OUT))}
        home = str(self.home)
        own = {
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "CODER_HOME": f"{home}/data",
            "NO_COLOR": "1",
        }
        return kept | own

    def start(self, *arguments: str, cwd: Path | None = None, **environ: str) -> Started:
        """Start a command whose three streams are pipes; it is forked where that makes no difference."""
        own = self.environ | environ
        is_searched = arguments[:1] not in RUN_NO_CODE
        if warm_start(CODER).suits(own, is_searched=is_searched):
            return ForkedCommand(warm_start(CODER), *arguments, environ=own, cwd=cwd or self.home)
        return self.start_anew(*arguments, cwd=cwd, **environ)

    def start_anew(
        self, *arguments: str, cwd: Path | None = None, **environ: str
    ) -> "subprocess.Popen[bytes]":
        """Start a command in a new interpreter, for tests of its start."""
        return subprocess.Popen(
            [str(CODER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ | environ,
            cwd=cwd or self.home,
        )

    def run(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None, **environ: str) -> "Finished":
        """Run a command to its end in a pipe; in this process where that makes no difference."""
        own = self.environ | environ
        if runs_in_process(arguments, own):
            return Finished(*run_in_process(arguments, environ=own, cwd=cwd or self.home, stdin=stdin))
        return self.run_apart(*arguments, stdin=stdin, cwd=cwd, **environ)

    def run_apart(
        self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None, **environ: str
    ) -> "Finished":
        """Run a command to its end in a pipe, in a process of its own."""
        process = self.start(*arguments, cwd=cwd, **environ)
        try:
            out, err = process.communicate(stdin, timeout=LONGEST_S)
        finally:
            process.kill()  # nothing to do, unless it hangs
        return Finished(process.returncode, out.decode(), err.decode())

    def run_behind(self, place: Sequence[str], *arguments: str, **environ: str) -> "Finished":
        """Run a command to its end behind what stands before it, such as a disk that is full."""
        done = run_behind(
            place, str(CODER), *arguments, timeout_s=LONGEST_S, env=self.environ | environ, cwd=self.home
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def on_terminal(
        self,
        *arguments: str,
        answers: Mapping[str, Answer] | None = None,
        columns: int = 80,
        cwd: Path | None = None,
        **environ: str,
    ) -> "Finished":
        """Run a command to its end on a terminal of its own; whatever the screen shows is `out`.

        Args:
            answers: what the person types, or does, once the screen shows a text.
            columns: width of the terminal.
            cwd: folder in which it is typed; None: the home folder.
        """
        return _shown(
            *self.open_terminal(*arguments, cwd=cwd or self.home, columns=columns, **environ), answers
        )

    def open_terminal(
        self, *arguments: str, cwd: Path, columns: int, **environ: str
    ) -> tuple[int, Callable[[], int], int]:
        """Start a command on a new terminal; return its pid, a function that waits for its exit code, and the
        terminal's descriptor.
        """
        own = self.environ | {"TERM": "xterm"} | environ
        if warm_start(CODER).suits(own):
            terminal, its_end = pty.openpty()
            termios.tcsetwinsize(terminal, (24, columns))
            forked = warm_start(CODER).fork(*arguments, environ=own, cwd=cwd, streams=[its_end])
            os.close(its_end)
            return forked.pid, forked.wait, terminal
        pid, terminal = pty.fork()
        if pid == 0:
            termios.tcsetwinsize(0, (24, columns))
            os.chdir(cwd)
            os.execve(CODER, [str(CODER), *arguments], own)
        return pid, lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), terminal


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The lines of stderr, without those that a slow machine adds while something runs."""
        return [line for line in self.err.splitlines() if not line.startswith("  … ")]

    @property
    def verdict(self) -> str:
        """How the run has ended: the last line of stderr."""
        return self.said[-1]

    @property
    def next(self) -> str:
        """The commands that continue from there: the line before."""
        return self.said[-2]


def _shown(
    pid: int, wait: Callable[[], int], terminal: int, answers: Mapping[str, Answer] | None
) -> Finished:
    try:
        screen = _watched(terminal, dict(answers or {}))
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        code = wait()
        os.close(terminal)
    return Finished(code, screen, "")


def _watched(terminal: int, answers: dict[str, Answer]) -> str:
    output = b""
    deadline = monotonic() + LONGEST_S
    while True:
        if monotonic() > deadline:
            raise TimeoutError(output)
        if not select([terminal], [], [], 1.0)[0]:
            continue
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux: the other end has been closed
            break
        if not piece:
            break
        output += piece
        for text, answer in list(answers.items()):
            if text.encode() in output:
                if callable(answer):
                    answer()
                else:
                    os.write(terminal, answer.encode())
                del answers[text]
    return output.decode("utf-8", "replace").replace("\r\n", "\n")
