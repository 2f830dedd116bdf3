"""What answers a question: what is typed after it on every kind of terminal, and the lines of a pipe."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from select import select
from time import monotonic

import pytest

LONGEST_S = 300.0
BEFORE = """
import asyncio, sys, time
from pathlib import Path
print("typing may begin", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.01)
"""
PLAIN = """
from coder.show.line_reader import PlainReader
print(f'answer: [{asyncio.run(PlainReader().answer("Write it? "))}]', flush=True)
"""
TTY = """
from coder.show.terminal import read_line
print(f'answer: [{asyncio.run(read_line("Write it? "))}]', flush=True)
"""
TOOLKIT = """
from coder.people.chat.chat_terminal import TerminalReader
reader = TerminalReader(Path(sys.argv[1]).with_name("history"), paths=list)
print(f'answer: [{asyncio.run(reader.answer("Write it? "))}]', flush=True)
"""
PASTED = """
from coder.show.line_reader import PlainReader
async def main():
    reader = PlainReader()
    message = await reader.line("> ")
    print(f'answer: [{message}, {await reader.answer("Write it? ")}]', flush=True)
asyncio.run(main())
"""


def on_terminal(program: str, early: str, typed: str, go: Path) -> str:
    """Run a program on a terminal; type one text before it asks, and another one after; return the screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        os.execv(sys.executable, [sys.executable, "-c", BEFORE + program, str(go)])
    screen, deadline = "", monotonic() + LONGEST_S

    def see(text: str) -> None:
        nonlocal screen
        while text not in screen:
            assert monotonic() < deadline, screen
            if select([terminal], [], [], 1.0)[0]:
                screen += os.read(terminal, 65_536).decode()

    try:
        see("typing may begin\r\n")
        os.write(terminal, early.encode())
        see(f"begin\r\n{early}".replace("\n", "\r\n").replace("\r\r", "\r"))  # the terminal has it: it echoes
        go.touch()
        see("Write it?")
        os.write(terminal, typed.encode())
        see("answer: ")
        see("\n" if screen.endswith("\n") else "]")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return screen.partition("answer: ")[2].strip()


@pytest.mark.slow
@pytest.mark.parametrize("program", [PLAIN, TTY, TOOLKIT], ids=["plain", "tty", "prompt_toolkit"])
@pytest.mark.parametrize("early", ["y\n", "y", "y\ny\ny\n"], ids=["a line", "a key", "several lines"])
def test_what_was_typed_before_a_question_does_not_answer_it(
    program: str, early: str, tmp_path: Path
) -> None:
    enter = "\r" if program == TOOLKIT else "\n"

    assert on_terminal(program, early, f"n{enter}", tmp_path / "go") == "[n]"


@pytest.mark.slow
def test_a_line_pasted_behind_a_command_does_not_answer_the_question_after_it(tmp_path: Path) -> None:
    assert on_terminal(PASTED, "/cost\ny\n", "n\n", tmp_path / "go") == "[/cost, n]"


def test_lines_of_a_pipe_answer_in_their_order() -> None:
    program = [sys.executable, "-c", f"import asyncio\n{PASTED}"]
    done = subprocess.run(program, input=b"Mend it\ny\n", capture_output=True)

    assert done.stdout == b"answer: [Mend it, y]\n", done.stderr
