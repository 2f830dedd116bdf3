"""ChatObserver: shows the user a conversation while the model works, and asks questions."""

import os
from collections.abc import Callable, Collection
from contextlib import nullcontext
from typing import Literal, TextIO

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line, printable, visible
from coder.config.permissions import Permissions
from coder.edits.replies import is_question
from coder.engine.participants.role import CODER, PLANNER
from coder.people.chat.word_stream import WordStream, unshown
from coder.people.cli.editor import edit_files
from coder.people.cli.host_questions import HostQuestions
from coder.run import event_types
from coder.run.events import Event
from coder.run.message import EXPERT, CodeMessage, ReplyMessage
from coder.run.questions import Decision, Question, is_no, is_yes, this_person
from coder.show.asking import prompt_of, question_lines, typed_answer
from coder.show.chat_commands import is_command, is_lone_answer, parse_line
from coder.show.line_reader import LineReader, TypedLines, answer_to
from coder.show.screen import Screen
from coder.show.styling import print_diff, print_markdown
from coder.show.tables import Block, print_blocks
from coder.tools.registry import DONE
from sandbox.policy import AskHost

QUESTION = "Write it? [y]es, [N]o, [e]dit, or say what should be different: "
FAILING = "It doesn't pass. Write it all the same? [y]es, [N]o, [e]dit, or say what should be different: "
HOST_QUESTION = "A program wants to reach {host}. Let it? this [t]ime, this [p]roject, [N]o: "
NOT_SENT = "  ! {!r} was not sent: it had no Enter before this question"
NO_QUESTION = "  ! {!r} was not sent: no question is open"

NO_ANSWER = "  ! {!r} is no answer to this question"


class ChatObserver:
    """A Watch that prints to a screen and asks a person."""

    def __init__(self, screen: Screen, reader: LineReader, *, yes: bool, results: TextIO) -> None:
        """Initialize with the screen, the reader of answers, and the stream for results."""
        self.words = WordStream()
        """The words of the latest answer so far."""
        self.lines = TypedLines(
            self._handle_line, lambda text: screen.tell(NOT_SENT.format(one_line(text))), reader.bottom
        )
        """Lines typed while the model works."""
        self.commands: list[str] = []
        """Commands typed while the model works, which run after the message."""
        self.yes = yes
        """Whether verified changes are written without a question."""
        self.calls: Callable[[], Collection[str]] = tuple
        """Returns the names of commands and skills that the user can call."""
        self.hosts: HostQuestions | None = None
        """Questions about hosts; None without a terminal."""
        self._screen = screen
        if reader.bottom is not None:
            screen.print_above(reader.bottom)
        self._reader = reader
        self._results = results
        self._streams_answers = results.isatty() and screen.is_lively
        """Whether answers are printed as they arrive."""
        self._is_for_user = True
        self._is_asked = False
        self._has_step_begun = self._calls_done = False
        self._shown_patch = ""
        self._reply = ""
        """The latest answer in words, which is printed before the question on the change."""
        self._shown_plan = ""

    def permit(self, permissions: Permissions) -> None:
        """Apply the project's stored permissions; hosts that they don't name will be asked about."""
        self.hosts = HostQuestions(permissions, self._ask_about_host, self._screen.tell)
        if permissions.allowed.auto and not self.yes:
            self.yes = True
            self._screen.note("auto-apply is on (see /permissions)")

    def note(self, text: str) -> None:
        """Print a line that belongs to no event."""
        self._screen.note(text)

    def set_status(self, status: str) -> str | None:
        """Set the text of the status line; return the earlier one, or None without such a line."""
        return self._screen.set_status(status)

    def event(self, event: Event) -> None:
        """Print an event of the run."""
        body = event_types.parse(event)
        is_step_start, self._has_step_begun = self._has_step_begun, isinstance(body, event_types.StepStarted)
        if is_step_start and isinstance(body, event_types.FilesChanged | event_types.BaselineTaken):
            self._screen.pass_on(event)  # edits by the user between two messages
            return
        if body is not None:
            self._speak(self.words.take_late(body))
        match body:
            case event_types.CallIntended():
                self.words = WordStream(with_code=self._is_asked)
                is_planner_answer = body.participant == PLANNER and body.in_dialogue
                self._is_for_user = is_planner_answer or body.participant in (CODER, EXPERT)
            case event_types.CallRetried() | event_types.CallSwitched():
                self._screen.clear()
                self.words = WordStream(with_code=self._is_asked)
            case event_types.RunStarted(task=task) | event_types.StepStarted(task=task):
                self.words, self._is_asked = WordStream(), is_question(task.prompt)
            case event_types.RunResumed():
                self.words = WordStream()
            case event_types.CallAnswered():
                self._speak(self.words.end())
                self._screen.clear()
                self._calls_done = any(call.name == DONE.name for call in body.tool_calls)
            case event_types.Spoken(message=ReplyMessage(text=text)):
                self._reply = printable(text.strip())
            case event_types.Spoken(message=CodeMessage(text=text)) if self._calls_done and text:
                self._screen.tell(printable(text.strip()))
        if isinstance(body, event_types.RunStarted | event_types.StepStarted | event_types.RunResumed):
            self._shown_patch = self._reply = ""
        self._screen.event(event)

    def token(self, text: str) -> None:
        """Print a piece of an answer."""
        self._screen.token(text)
        self._speak(self.words.feed(text))

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Print output of a program."""
        self._screen.output(stream, data)

    def show(self, blocks: list[Block]) -> None:
        """Print the result of a command."""
        print_blocks(blocks, self._results)

    def say(self, text: str, *, end: str = "\n") -> None:
        """Print a result."""
        print(text, end=end, file=self._results, flush=True)

    def show_diff(self, patch: str) -> None:
        """Print a patch without terminal control characters."""
        print_diff(patch, self._results)

    def answer(self, words: str) -> None:
        """Print what wasn't printed yet of an answer in words."""
        if self._streams_answers:
            words = "" if words == self._shown_plan else unshown(words, self.words.text)
        if words:
            print_markdown(words, self._results)

    def _speak(self, text: str) -> None:
        if self._streams_answers and self._is_for_user:
            self._screen.speak(text)

    def typed(self) -> list[str]:
        """Return the lines that the user has typed since the last call, for the model."""
        words = self.lines.take()
        for line in words:
            self._screen.tell(f"  · told the model: {one_line(line)}")
        return words

    def _handle_line(self, line: str) -> bool:
        """Return whether a line typed while the model works is a command or an answer, and handle it."""
        if is_lone_answer(line):
            self._screen.tell(NO_QUESTION.format(line.strip()))
            return True
        if not is_command(line):
            return False
        try:
            parse_line(line, self.calls())
        except UsageError as error:
            self._screen.tell(f"  ! {one_line(str(error), width=300)}")
        else:
            self.commands.append(line)
            self._screen.tell(f"  · runs after this message: {one_line(line)}")
        return True

    def is_there(self, question: Question) -> bool:
        """Return True: the user of a conversation is always there."""
        return True

    async def decide(self, question: Question) -> Decision:
        """Show a question, and ask until there is an answer; the end of input means no."""
        if self.hosts is not None:
            await self.hosts.withdraw()  # withdraws the questions of background programs
        async with self.hosts.turn if self.hosts is not None else nullcontext(), self.lines.paused():
            ask = self._ask_to_land if question.about == "landing" else self._ask_question
            return (await ask(question)).model_copy(update={"who": this_person(), "how": "terminal"})

    @property
    def ask_host(self) -> AskHost | None:
        """Function that asks whether programs may reach a host; None without a terminal."""
        return self.hosts.may_reach if self.hosts is not None else None

    async def _ask_about_host(self, address: str) -> str:
        async with self.lines.paused():
            with self._screen.hold_output():
                text = HOST_QUESTION.format(host=address)
                return (await answer_to(text, self._reader, self._screen.tell)).lower()

    async def _ask_question(self, question: Question) -> Decision:
        self._screen.rest()
        if question.about == "plan":
            self._shown_plan = printable(question.text.partition("\n\n")[2].strip())
        if question.patch and question.patch != self._shown_patch:  # a landing has shown it already
            self.show_diff(visible(question.patch))
        for line in question_lines(question):
            self._screen.tell(line)
        return typed_answer(question, await answer_to(prompt_of(question), self._reader, self._screen.tell))

    async def _ask_to_land(self, question: Question) -> Decision:
        self._screen.rest()
        if self._reply:
            self.answer(self._reply)
            self._reply = ""
        self._screen.show_diff(question.patch)
        if not self._screen.showed_diff and self._shown_patch != question.patch:
            self.show_diff(visible(question.patch))
        self._shown_patch = question.patch
        if self.yes and question.passed:
            return Decision(decision="yes")
        if question.note:
            self._screen.note(question.note)
        while True:
            prompt = QUESTION if question.passed else FAILING
            answer = await answer_to(prompt, self._reader, self._screen.tell)
            if is_yes(answer) or is_no(answer):
                return Decision(decision="yes" if is_yes(answer) else "no")
            if is_lone_answer(answer):
                self._screen.tell(NO_ANSWER.format(answer))
                continue
            if answer not in ("e", "edit"):
                return Decision(decision="no", words=answer)
            try:
                return Decision(decision="no", files=await edit_files(question.files, environ=os.environ))
            except UsageError as error:
                self._screen.note(str(error))
