"""The screen: what the user sees of a run. Progress and the verdict go to stderr, results to stdout.

Lines appear as things happen, on a terminal above a spinner. The last one is the verdict.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, TypeVar

from coder.base.errors import own_command
from coder.base.text.sanitize import one_line, printable, visible
from coder.run import event_types
from coder.run.events import Event
from coder.run.message import CodeMessage, Message, OutcomeMessage
from coder.run.questions import Decision, Question, this_person
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.watch import Watch
from coder.show import render
from coder.show.bounded_text import BoundedText
from coder.show.failure import single
from coder.show.terminal import Terminal, read_line
from coder.store.run_list import ATTEMPT_SEPARATOR, is_attempt
from coder.workspace.consent import in_parts

if TYPE_CHECKING:
    from coder.show.input_line import InputLine  # of conversations alone

T = TypeVar("T")
PROGRAMS = {
    "verify": "trying what was written",
    "evidence": "trying its tests without the change",
    "compare": "comparing what the candidates do",
}
"""What is going on while programs run, by what they are run for."""
MOST_NOTES = 3


class Screen:
    """A Watch for people."""

    def __init__(
        self,
        *,
        verbose: bool = False,
        quiet: bool = False,
        yes: bool = False,
        jsonl: bool = False,
        detach: bool = False,
    ) -> None:
        self._terminal = Terminal()
        self._asking = asyncio.Lock()
        """Held while a question stands on the terminal: runs side by side may ask at the same time."""
        self._jsonl = jsonl
        self._verbose, self._quiet, self._yes, self._detach = verbose, quiet, yes, detach
        self._refused: str | None = None
        self._is_chat = False
        self._called: dict[str, event_types.ToolCalled] = {}
        """The tool call that is under way, by run."""
        self._passed: set[str] = set()
        """Runs of which an answer has passed since a person spoke: that of a chosen attempt is known."""
        self._model = ""
        self._body = BoundedText()
        """What is streamed between two events, with `verbose`."""
        self.also: Watch | None = None
        """Is told of every event, too."""
        self.showed_diff = False
        """The latest change stands on the terminal."""
        self.has_folder = False
        self.run_id: str | None = None
        """Of the run that is watched, once it has begun."""

    @property
    def is_lively(self) -> bool:
        """It is a terminal that shows what is going on."""
        return self._terminal.is_one and not self._verbose and not self._quiet

    @property
    def asks(self) -> bool:
        """Somebody can be asked."""
        return self._terminal.is_one

    def event(self, event: Event) -> None:
        """Tell what happened."""
        self.pass_on(event)
        self._end_stream()
        body = event_types.parse(event)
        if body is None:
            return
        if (line := self._line_of(event.run, body)) is not None:
            self._tell(line)
        match body:
            case event_types.RunStarted():
                if not body.settings.chat and not self._model:  # of runs side by side once
                    self.note(render.who_answers(body))
                self.watch_model(body.model, has_folder=body.task.workspace is not None)
                self.watch_settings(body.settings)
                self._terminal.doing = "running the tests as they are" if body.task.test_command else ""
                self._tell_left_out(body.notes)
            case event_types.CallIntended():
                self._terminal.doing = f"{self._model} is writing (call {body.call})"
            case event_types.StepStarted() | event_types.RunResumed():
                self._called.pop(event.run, None)  # it was cut off
                self.showed_diff = False
                if body.settings is not None:
                    self.watch_settings(body.settings)
            case event_types.ToolCalled():
                self._called[event.run], self._terminal.doing = body, render.tool_call(body)
            case event_types.ToolAnswered():
                self._called.pop(event.run, None)
            case event_types.ProgramStarted():
                self._terminal.doing = PROGRAMS.get(body.what, f"running {one_line(body.what, width=50)}")
            case event_types.Spoken(message=CodeMessage()):
                self.showed_diff = False
            case event_types.LandingPlanned() | event_types.PatchProposed() if not is_attempt(event.run):
                self.show_diff(in_parts(body.patch, body.tests))

    def pass_on(self, event: Event) -> None:
        """Say nothing of it, but to a program that reads every event."""
        self.run_id = self.run_id if is_attempt(event.run) else event.run
        if self.also is not None:
            self.also.event(event)
        if self._jsonl:
            print(event.as_json(), file=self._terminal.results, flush=True)

    def watch_model(self, name: str, *, has_folder: bool) -> None:
        """Set the model's name, and whether the run works on a folder."""
        self._model = name
        self.has_folder = has_folder

    def watch_settings(self, settings: Settings) -> None:
        """Take the settings of the run."""
        self._refused, self._is_chat = None, settings.chat

    def token(self, text: str) -> None:
        """Show a piece of an answer, when everything is to be seen."""
        self._stream(text)

    def speak(self, text: str) -> None:
        """Show words that are harmless for a terminal, behind those that stand there."""
        self._terminal.speak(text)

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Show what a program wrote, when everything is to be seen."""
        self._stream(data.decode("utf-8", "replace"))

    def is_there(self, question: Question) -> bool:
        """Whether somebody is at the terminal, and hasn't answered by --yes or --detach before."""
        if not self._terminal.is_one or self._detach:
            return False
        return not self._yes or question.by_flag or question.kind != "approve"

    async def decide(self, question: Question) -> Decision:
        """Show what is asked on the terminal, and ask there."""
        from coder.show.asking import prompt_of, question_lines, typed_answer  # hardly a run asks

        async with self._asking:
            self.rest()
            self.show_diff(question.patch)
            if self._yes and question.kind == "approve":
                return Decision(decision="yes", who=this_person(), how="flag")
            for line in question_lines(question):
                self._terminal.print(line)
            with self.hold_output():  # a live line would be drawn over the question
                return typed_answer(question, await read_line(prompt_of(question)))

    def do(self, what: str) -> None:
        """Say on the live line what is going on."""
        self._terminal.doing = what

    async def spinning(self, work: Awaitable[T]) -> T:
        """Wait for `work` with a live line on a terminal."""
        if not self.is_lively:
            return await work
        try:
            async with asyncio.TaskGroup() as group:
                spinner = group.create_task(self._terminal.spin())
                try:
                    return await work
                finally:
                    spinner.cancel()
                    self.clear()
        except BaseExceptionGroup as several:  # what the work raises is the same with and without a spinner
            raise single(several) from several.__cause__

    def verdict(self, run: Run) -> None:
        """End a run: the details, the next step, the verdict."""
        if self._quiet and run.exit_code == 0:
            return
        for line in render.ending(run):
            self._terminal.print(line)

    def show_diff(self, patch: str) -> None:
        """Print a change, once, where a terminal shows it."""
        if self._terminal.is_one and not self._quiet and not self.showed_diff:
            self.showed_diff = True
            self._terminal.print_diff(visible(patch).rstrip("\n"))

    def note(self, text: str) -> None:
        """One line that isn't about an event."""
        self._tell(f"  · {one_line(text, width=300)}")

    def clear(self) -> None:
        """End what is spoken, or wipe the live line, before other output."""
        self._terminal.clear()

    def rest(self) -> None:
        """Show no spinner until something happens: another program uses the terminal."""
        self._terminal.doing = ""
        self.clear()

    def print_above(self, line: "InputLine") -> None:
        """Print above a line that takes what is typed; it shows what is going on."""
        self._terminal.print_above(line)

    def hold_output(self) -> AbstractContextManager[None]:
        """Hold back output and the spinner while the block runs."""
        return self._terminal.hold_output()

    def tell(self, line: str) -> None:
        """Print a line, also where the screen is quiet."""
        self._terminal.print(line)

    def _tell(self, line: str) -> None:
        if not self._quiet:
            self._terminal.print(line)

    def _line_of(self, run: str, body: event_types.Body) -> str | None:
        line = render.progress(body)
        if isinstance(body, event_types.Spoken) and self._has_passed(run, body.message):
            return None
        if isinstance(body, event_types.ToolAnswered) and run in self._called:
            line = render.tool_line(self._called[run], body)
        if isinstance(body, event_types.LandingRefused):
            self._refused, line = line, None  # as a rule the run's end says it, too
        elif isinstance(body, event_types.RunStopped):
            is_no = self._is_chat and body.status == "refused"  # no verdict follows in a conversation
            line = self._refused if body.error is None or is_no else line
        if line is None or not is_attempt(run):
            return line
        is_told = not isinstance(body, event_types.RunStarted | event_types.RunResumed)
        return f"  {run.partition(ATTEMPT_SEPARATOR)[2]}: {line[2:]}" if is_told else None

    def _has_passed(self, run: str, message: Message) -> bool:
        """Whether this is the outcome of an attempt whose pass is told already."""
        if message.author == "human":
            self._passed.clear()
        if not isinstance(message, OutcomeMessage) or not message.outcome.passed:
            return False
        of = run.partition(ATTEMPT_SEPARATOR)[0]
        is_known = of in self._passed
        self._passed.add(of)
        return is_known and not is_attempt(run)

    def _tell_left_out(self, notes: Sequence[str]) -> None:
        for text in notes[:MOST_NOTES]:
            self.note(text)
        if len(notes) > MOST_NOTES:
            self.note(f"{len(notes) - MOST_NOTES} more were left out: see {own_command()} show {self.run_id}")

    def _stream(self, text: str) -> None:
        if self._verbose and not self._quiet and (piece := self._body.feed(printable(text))):
            self._terminal.write(piece)

    def _end_stream(self) -> None:
        """Show the end of what was streamed since the last event."""
        if rest := self._body.end(f"what the log keeps of it: {own_command()} show {self.run_id}"):
            self._terminal.write(rest)
