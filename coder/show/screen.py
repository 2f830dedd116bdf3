"""The screen: what the user sees of a run. Progress and the verdict go to stderr, results to stdout.

Lines are printed as events happen, on a terminal above a spinner. The last line is the verdict.
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
from coder.show.failure import single
from coder.show.progress_lines import ProgressLines
from coder.show.terminal import Terminal, read_line
from coder.source.shell import format_command
from coder.store.run_list import ATTEMPT_SEPARATOR, is_attempt
from coder.workspace.consent import in_parts

if TYPE_CHECKING:
    from coder.show.bounded_text import BoundedText
    from coder.show.input_line import InputLine  # of conversations alone

T = TypeVar("T")
STATUS_BY_PURPOSE = {
    "verify": "trying what was written",
    "evidence": "trying its tests without the change",
    "compare": "comparing what the candidates do",
}
"""Status line while a program runs, by its purpose."""
MAX_NOTES = 3


class Screen:
    """A Watch that prints for people."""

    def __init__(
        self,
        *,
        verbose: bool = False,
        quiet: bool = False,
        yes: bool = False,
        json: bool = False,
        jsonl: bool = False,
        detach: bool = False,
    ) -> None:
        self._terminal = Terminal()
        self._asking = asyncio.Lock()
        """Lock held while a question is on the terminal, as concurrent runs may ask."""
        self._jsonl = jsonl
        self._tells_progress = not (quiet or json or jsonl)
        self._verbose, self._quiet, self._yes, self._detach = verbose, quiet, yes, detach
        self._refused: str | None = None
        self._is_chat = False
        self._called: dict[str, event_types.ToolCalled] = {}
        self._missing_programs: set[str] = set()
        """Programs of hooks that the sandbox lacks, told so far."""
        """The current tool call, by run."""
        self._passed: set[str] = set()
        """Runs whose passing answer since a person's last message was reported, so as not to repeat it."""
        self._model = ""
        self._body: BoundedText | None = None
        """Text streamed between two events, with `verbose`; None before the first."""
        self.also: Watch | None = None
        """Another watch that receives every event."""
        self.showed_diff = False
        """Whether the latest change is on the terminal."""
        self.has_folder = False
        self.offers_install = False
        """Whether the user is offered to install missing packages."""
        self.needs_packages = False
        """Whether the run has ended for missing packages."""
        self.run_id: str | None = None
        """Id of the watched run, once it has begun."""

    @property
    def is_lively(self) -> bool:
        """Whether the screen is a terminal with a status line."""
        return self._terminal.is_terminal and not self._verbose and not self._quiet

    @property
    def asks(self) -> bool:
        """Whether a person can be asked."""
        return self._terminal.is_seen

    @property
    def is_attended(self) -> bool:
        """Whether a person is at the terminal, and no flag answers for them."""
        return self.asks and not self._yes and not self._detach

    def event(self, event: Event) -> None:
        """Print an event of the run."""
        self.pass_on(event)
        self._end_stream()
        body = event_types.parse(event)
        if body is None:
            return
        if (line := self._line_of(event.run, body)) is not None:
            self._tell(line)
        match body:
            case event_types.RunStarted():
                if not body.settings.chat and not self._model and body.model:  # once for concurrent runs
                    self.note(render.who_answers(body))
                self.watch_model(body.model, has_folder=body.task.workspace is not None)
                self.watch_settings(body.settings)
                command = format_command(body.task.test_command or ())
                self._terminal.doing = (
                    f"running {one_line(command, width=80)} before the work" if command else ""
                )
                self._tell_left_out(body.notes)
            case event_types.FlowStepStarted():
                self._terminal.doing = f"step {body.position}: {one_line(body.name, width=50)}"
            case event_types.CallIntended():
                self._terminal.doing = f"{self._model} is writing (call {body.call})"
            case event_types.StepStarted() | event_types.RunResumed():
                self._called.pop(event.run, None)  # the call was interrupted
                self.showed_diff = False
                if body.settings is not None:
                    self.watch_settings(body.settings)
            case event_types.ToolCalled():
                self._called[event.run], self._terminal.doing = body, render.tool_call(body)
            case event_types.ToolAnswered():
                self._called.pop(event.run, None)
            case event_types.ProgramStarted():
                self._terminal.doing = STATUS_BY_PURPOSE.get(
                    body.what, f"running {one_line(body.what, width=50)}"
                )
            case event_types.ConfirmationStarted(tests=tests):
                count = f"{tests:,} test{'' if tests == 1 else 's'}"
                self._terminal.doing = f"confirming {count} apart from the code"
            case event_types.Spoken(message=CodeMessage()):
                self.showed_diff = False
            case event_types.RunStopped(needs_packages=needs_packages):
                self.needs_packages = needs_packages
            case event_types.LandingPlanned() | event_types.PatchProposed() if not is_attempt(event.run):
                self.show_diff(in_parts(body.patch, body.tests))

    def pass_on(self, event: Event) -> None:
        """Pass an event to other watches and to --jsonl, without printing a line."""
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
        """Use the settings of the run."""
        self._refused, self._is_chat = None, settings.chat

    def token(self, text: str) -> None:
        """Print a piece of an answer, with `verbose`."""
        self._stream(text)

    def speak(self, text: str) -> None:
        """Append words to the spoken text, without control characters."""
        self._terminal.speak(text)

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Print output of a program, with `verbose`."""
        self._stream(data.decode("utf-8", "replace"))

    def is_there(self, question: Question) -> bool:
        """Return whether a person at the terminal can answer, and neither --yes nor --detach does."""
        if not self._terminal.is_seen or self._detach:
            return False
        return not self._yes or question.by_flag or question.kind != "approve"

    async def decide(self, question: Question) -> Decision:
        """Print a question on the terminal, and return the answer typed there; --yes answers approvals."""
        from coder.show.asking import prompt_of, question_lines, typed_answer  # imported late: few runs ask

        async with self._asking:
            self.rest()
            self.show_diff(question.patch)
            if self._yes and question.kind == "approve":
                return Decision(decision="yes", who=this_person(), how="flag")
            for line in question_lines(question):
                self._terminal.print(line)
            with self.hold_output():  # the status line would overwrite the question
                return typed_answer(question, await read_line(prompt_of(question)))

    def set_status(self, status: str) -> str | None:
        """Set the text of the status line; return the earlier one, or None without such a line."""
        earlier, self._terminal.doing = self._terminal.doing, status
        return earlier if self.is_lively and self._terminal.is_styled else None

    async def spinning(self, work: Awaitable[T]) -> T:
        """Wait for `work` with a status line on a terminal, and with lines of progress elsewhere."""
        has_status_line = self.is_lively and self._terminal.is_styled
        if not (has_status_line or self._tells_progress):
            return await work
        progress = self._terminal.spin if has_status_line else ProgressLines(self._terminal).run
        try:
            async with asyncio.TaskGroup() as group:
                spinner = group.create_task(progress())
                try:
                    return await work
                finally:
                    spinner.cancel()
                    self.clear()
        except BaseExceptionGroup as group_error:  # raise the work's error as without a spinner
            raise single(group_error) from group_error.__cause__

    def verdict(self, run: Run) -> None:
        """Print the end of a run: the details, the next step, the verdict."""
        if self._quiet and run.exit_code == 0:
            return
        for line in render.ending(run):
            self._terminal.print(line)

    def show_diff(self, patch: str) -> None:
        """Print a change once, on a terminal."""
        if self._terminal.is_seen and not self._quiet and not self.showed_diff:
            self.showed_diff = True
            self._terminal.print_diff(visible(patch).rstrip("\n"))

    def note(self, text: str) -> None:
        """Print a line that belongs to no event."""
        self._tell(f"  · {one_line(text, width=300)}")

    def clear(self) -> None:
        """End the spoken text, or erase the status line, before other output."""
        self._terminal.clear()

    def rest(self) -> None:
        """Hide the status line until the next event, as another program uses the terminal."""
        self._terminal.doing = ""
        self.clear()

    def print_above(self, line: "InputLine") -> None:
        """Print output above an input line, which also shows the status."""
        self._terminal.print_above(line)

    def hold_output(self) -> AbstractContextManager[None]:
        """Return a context manager that holds back output and the status line."""
        return self._terminal.hold_output()

    def tell(self, line: str) -> None:
        """Print a line, even if the screen is quiet."""
        self._terminal.print(line)

    def _tell(self, line: str) -> None:
        if not self._quiet:
            self._terminal.print(line)

    def _line_of(self, run: str, body: event_types.Body) -> str | None:
        line = render.progress(body)
        if isinstance(body, event_types.HookFailed) and body.needs:
            if body.needs in self._missing_programs:
                return None  # told before
            self._missing_programs.add(body.needs)
        if isinstance(body, event_types.Spoken) and self._is_known_pass(run, body.message):
            return None
        if isinstance(body, event_types.StepStarted | event_types.FilesChanged):
            self._passed.clear()
        if isinstance(body, event_types.ToolAnswered) and run in self._called:
            line = render.tool_line(self._called[run], body)
        elif isinstance(body, event_types.ToolAnswered) and render.is_refused(body):
            line = render.refused_line(body)
        if isinstance(body, event_types.LandingRefused):
            self._refused, line = line, None  # the run's end usually repeats it
        elif isinstance(body, event_types.RunStopped):
            is_refused = self._is_chat and body.status == "refused"  # a conversation prints no verdict
            line = self._refused if body.error is None or is_refused else line
        if line is None or not is_attempt(run):
            return line
        same_in_all = event_types.RunStarted | event_types.RunResumed | event_types.BaselineTaken
        has_line = not isinstance(body, same_in_all)
        return f"  {run.partition(ATTEMPT_SEPARATOR)[2]}: {line[2:]}" if has_line else None

    def _is_known_pass(self, run: str, message: Message) -> bool:
        """Record a pass of an attempt; return whether this is that of the run that has chosen it."""
        if message.author == "human":
            self._passed.clear()
        if not isinstance(message, OutcomeMessage) or not message.outcome.passed:
            return False
        if not is_attempt(run):
            return run in self._passed
        self._passed.add(run.partition(ATTEMPT_SEPARATOR)[0])
        return False

    def _tell_left_out(self, notes: Sequence[str]) -> None:
        for text in notes[:MAX_NOTES]:
            self.note(text)
        if len(notes) > MAX_NOTES:
            self.note(f"{len(notes) - MAX_NOTES} more were left out: see {own_command()} show {self.run_id}")

    def _stream(self, text: str) -> None:
        if not self._verbose or self._quiet:
            return
        if self._body is None:
            from coder.show.bounded_text import BoundedText  # imported late: most runs show no text

            self._body = BoundedText()
        if piece := self._body.feed(printable(text)):
            self._terminal.write(piece)

    def _end_stream(self) -> None:
        """Print the end of the text streamed since the last event."""
        place = f"what the log keeps of it: {own_command()} show {self.run_id}"
        if self._body is not None and (ending := self._body.end(place)):
            self._terminal.write(ending)
