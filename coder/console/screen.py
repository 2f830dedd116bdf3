"""The screen: what a person sees of a run. Progress and the verdict go to stderr, results to stdout.

On a terminal the lines appear as things happen, above a spinner; of a run that draws many attempts and then
chooses, once all are drawn. In a pipe they wait, so that the verdict is the first line; with -v nothing does.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Sequence
from typing import Literal, TextIO, TypeVar

from coder.console import render
from coder.console.ask import ask_human
from coder.console.failure import single
from coder.console.plain import one_line
from coder.console.sample_lines import SampleLines
from coder.run.event_types import (
    Body,
    CallIntended,
    LandingPlanned,
    LandingRefused,
    PatchProposed,
    ProgramStarted,
    RunResumed,
    RunStarted,
    RunStopped,
    StepStarted,
    parse,
)
from coder.run.events import Event
from coder.run.run import Run
from coder.run.settings import Settings
from coder.teams.strategies import taken
from coder.text.sanitize import printable
from coder.workspace.edited_tests import in_parts

T = TypeVar("T")
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TICK_S = 0.1
PROGRAMS = {"verify": "trying what was written", "compare": "comparing what the candidates do"}
"""What is going on while programs run, by what they are run for."""
MOST_NOTES = 3
GREEN, RED, YELLOW, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
COLOURS = {"✓": GREEN, "✗": RED, "!": YELLOW, "?": YELLOW}


class Screen:
    """A Watch for people."""

    def __init__(
        self, *, verbose: bool = False, quiet: bool = False, yes: bool = False, jsonl: bool = False
    ) -> None:
        self._errors: TextIO = sys.stderr
        self._jsonl = jsonl
        self._terminal = self._errors.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self._terminal and not os.environ.get("NO_COLOR")
        self._verbose, self._quiet, self._yes = verbose, quiet, yes
        self._waiting: list[str] = []
        self._draws: SampleLines | None = None
        self._refused: str | None = None
        self._is_chat = False
        self._doing = ""
        self._mid_line = False
        self._started = time.monotonic()
        self._model = ""
        self.showed_diff = False
        self.has_folder = False
        self.run_id: str | None = None
        """Of the run that is watched, once it has begun."""

    @property
    def is_lively(self) -> bool:
        """It is a terminal that shows what is going on."""
        return self._terminal and not self._verbose and not self._quiet

    @property
    def asks(self) -> bool:
        """Somebody can be asked."""
        return self._terminal

    def event(self, event: Event) -> None:
        """Tell what happened."""
        self.pass_on(event)
        body = parse(event)
        if body is None:
            return
        for line in self._lines_of(body):
            self._tell(line)
        match body:
            case RunStarted():
                self.watch_model(body.model, has_folder=body.task.workspace is not None)
                self.watch_settings(body.settings)
                self._doing = "running the tests as they are" if body.task.test_command else ""
                self._tell_left_out(body.notes)
            case CallIntended():
                drawn = self._draws.so_far if self._draws is not None else ""
                self._doing = f"{self._model} is writing (call {body.call})" + (drawn and f"; {drawn}")
            case StepStarted(settings=settings) | RunResumed(settings=Settings() as settings):
                self.watch_settings(settings)
            case ProgramStarted():
                self._doing = PROGRAMS.get(body.what, f"running {one_line(body.what, width=50)}")
            case LandingPlanned() | PatchProposed():
                self._show_diff(in_parts(body.patch, body.tests))

    def pass_on(self, event: Event) -> None:
        """Say nothing of it, but to a program that reads every event."""
        self.run_id = event.run
        if self._jsonl:
            print(event.model_dump_json(), flush=True)

    def watch_model(self, name: str, *, has_folder: bool) -> None:
        """Know who answers, and whether the run works on a folder of the user's."""
        self._model = name
        self.has_folder = has_folder

    def watch_settings(self, settings: Settings) -> None:
        """Know how the run goes about its task."""
        self._draws = SampleLines() if taken(settings).draws and not self._verbose else None
        self._refused, self._is_chat = None, settings.chat

    def token(self, text: str) -> None:
        """Show a piece of an answer, when everything is to be seen."""
        self._stream(text)

    def speak(self, text: str) -> None:
        """Show words that are harmless for a terminal, behind those that stand there."""
        if not text:
            return
        if not self._mid_line:
            self.clear()
        self._errors.write(text)
        self._errors.flush()
        self._mid_line = not text.endswith("\n")

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Show what a program wrote, when everything is to be seen."""
        self._stream(data.decode("utf-8", "replace"))

    async def confirm(self, question: str, diff: str) -> bool:
        """Ask on the terminal; without one, or with --yes, the person has said yes by starting the run."""
        if self._yes or not self._terminal:
            return True
        self._doing = ""
        self._show_diff(diff)
        return await ask_human(question)

    async def ask(self, question: str, diff: str, *, by_flag: bool) -> bool | None:
        """Show a change on the terminal, and ask about it there; None without one."""
        if not self._terminal or (self._yes and not by_flag):
            return None
        self._doing = ""
        self._show_diff(diff)
        return self._yes or await ask_human(question)

    async def spinning(self, work: Awaitable[T]) -> T:
        """Wait for `work` with a spinner on a terminal."""
        self._started = time.monotonic()
        if not self.is_lively:
            return await work
        try:
            async with asyncio.TaskGroup() as group:
                spinner = group.create_task(self._spin())
                try:
                    return await work
                finally:
                    spinner.cancel()
                    self.clear()
        except BaseExceptionGroup as several:  # what the work raises is the same with and without a spinner
            raise single(several) from several.__cause__

    def verdict(self, run: Run) -> None:
        """End a run: the answer, the details, the next step."""
        waiting, self._waiting = self._waiting, []
        if self._quiet and run.exit_code == 0:
            return
        for line in render.verdict(run, attempts=waiting):
            self._print(line)

    def note(self, text: str) -> None:
        """One line that isn't about an event."""
        self._tell(f"  · {one_line(text, width=300)}")

    def clear(self) -> None:
        """End a line of tokens, or wipe the spinner's, before someone else writes."""
        if self._mid_line:
            self._errors.write("\n")
        elif self._terminal:
            self._errors.write("\r\x1b[K")
        self._mid_line = False

    def rest(self) -> None:
        """Show no spinner until something happens: the terminal is somebody else's."""
        self._doing = ""
        self.clear()

    def tell_waiting(self) -> None:
        """Print the lines that wait for a verdict that will not come."""
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self._print(line)

    def tell(self, line: str) -> None:
        """Print a line at once, also where lines wait for a verdict."""
        self._print(line)

    def _tell(self, line: str) -> None:
        if self._quiet:
            return
        if self._terminal or self._verbose:
            self._print(line)
        else:
            self._waiting.append(line)

    def _lines_of(self, body: Body) -> list[str]:
        line = render.progress(body)
        if isinstance(body, LandingRefused):
            self._refused, line = line, None  # as a rule the run's end says it, too
        elif isinstance(body, RunStopped) and (body.error is None or self._is_no_in_chat(body)):
            line = self._refused
        if self._draws is not None:
            return self._draws.told(body, line)
        return [line] if line is not None else []

    def _is_no_in_chat(self, body: RunStopped) -> bool:
        return self._is_chat and body.status == "refused"  # no verdict follows: the conversation goes on

    def _tell_left_out(self, notes: Sequence[str]) -> None:
        for text in notes[:MOST_NOTES]:
            self.note(text)
        if len(notes) > MOST_NOTES:
            self.note(f"{len(notes) - MOST_NOTES} more were left out: see coder show {self.run_id}")

    def _show_diff(self, patch: str) -> None:
        if self._terminal and not self._quiet and not self.showed_diff:
            self.showed_diff = True
            self._print(printable(patch).rstrip("\n"))

    def _stream(self, text: str) -> None:
        if not self._verbose or self._quiet or not text:
            return
        shown = printable(text)
        self._errors.write(shown)
        self._errors.flush()
        self._mid_line = not shown.endswith("\n")

    def _print(self, line: str) -> None:
        self.clear()
        sign = line.lstrip()[:1]
        if self._colour and sign in COLOURS:
            line = line.replace(sign, f"{COLOURS[sign]}{sign}{PLAIN}", 1)
        print(line, file=self._errors, flush=True)

    async def _spin(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(TICK_S)
            if not self._doing or self._mid_line:
                continue
            turn += 1
            elapsed = time.monotonic() - self._started
            text = f"{FRAMES[turn % len(FRAMES)]} {elapsed:.0f} s  {self._doing}"
            # A line that wraps could not be wiped.
            self._errors.write(f"\r\x1b[K{text[: _columns(self._errors) - 1]}")
            self._errors.flush()


def _columns(terminal: TextIO) -> int:
    """The width of a terminal now; 80 where it doesn't say."""
    try:
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except OSError:
        return 80
