"""Repl: read lines and carry them out, until the user or the input ends.

Results go to stdout: answers in words, diffs, the output of `/cost`. Everything else goes to stderr.
"""

import sys
from collections.abc import Coroutine
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

from coder.base.errors import CoderError, own_command
from coder.base.text.sanitize import count_of, one_line, printable, without_controls
from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.subject import missing_files
from coder.engine.chat.transcript import run_of_message
from coder.people.chat.server_prompts import PromptCall, find_prompt, message_of_prompt
from coder.people.cli.chat_observer import NO_QUESTION, ChatObserver
from coder.people.cli.session_commands import SessionCommands, SwitchModel
from coder.run.conversation import answer_in_words
from coder.run.run import Run
from coder.run.verdict_words import join_names
from coder.show import render
from coder.show.chat_commands import ChatCommand, is_command, is_lone_answer, parse_line
from coder.show.failure import report
from coder.show.interrupt import until_ctrl_c
from coder.show.line_reader import Cancelled, LineReader
from coder.show.screen import Screen
from coder.show.signals import INTERRUPTED
from sandbox import SandboxError

T = TypeVar("T")
PROMPT, PLAN_PROMPT = "> ", "plan> "
_UNWRITTEN_STATUSES = ("refused", "limit", "stuck", "unsolved")
"""Statuses of a message that may leave a change for `/apply`."""


class Repl:
    """The read-eval-print loop of a session."""

    def __init__(
        self,
        session: ChatSession,
        reader: LineReader,
        *,
        screen: Screen,
        switch: SwitchModel,
        onlooker: ChatObserver,
    ) -> None:
        """Initialize with the reader of lines, and the objects that commands use."""
        self.asks = sys.stdin.isatty()
        """Whether a user is at the terminal, so that the prompt is shown."""
        self.error: str | None = None
        """Error of the latest message or command, if any."""
        self._session = session
        self._reader = reader
        self._screen = screen
        self._onlooker = onlooker
        self._commands = SessionCommands(session, reader, screen, onlooker, switch, self.unless_cancelled)
        self._exit_code = 0  # exit code of the latest message

    async def run(self) -> int:
        """Read and handle lines until the end; return the exit code of the latest message."""
        state = self._session.state
        if state is not None and state.progress.stopped is None:  # the process was killed during a message
            await self._handle("/go")
        elif self._session.is_cut_off:
            self._screen.tell("  · the latest message was interrupted: /go continues it")
        while (line := await self._line()) is not None:
            if not await self._handle(line):
                break
        return self._exit_code

    @property
    def _prompt(self) -> str:
        if not self.asks:
            return ""
        return PLAN_PROMPT if self._session.settings.plan else PROMPT

    async def unless_cancelled(self, work: Coroutine[object, object, T]) -> T | None:
        """Return the result of `work`; None if Ctrl-C interrupted it."""
        tell = partial(self._screen.tell, "  ! interrupted; nothing is lost: /go continues")
        resume_command, hosts = f"{own_command()} chat --resume {self._session.run}", self._onlooker.hosts
        async with hosts.asking() if hosts is not None else nullcontext():
            return await until_ctrl_c(self._screen.spinning(work), resume_command, then=tell)

    async def _handle(self, line: str) -> bool:
        """Handle a line; return False if the line ends the conversation."""
        self.error = None
        if is_lone_answer(line):
            self._screen.tell(NO_QUESTION.format(line.strip()))
            return True
        calls = self._onlooker.calls() if is_command(line) else ()
        try:
            prompt = await find_prompt(self._session, line) if is_command(line) else None
            match prompt or parse_line(line, calls):
                case ChatCommand("quit"):
                    return False
                case ChatCommand("apply"):
                    await self._work(self._session.apply())
                case ChatCommand("go"):
                    await self._work(self._session.go_on())
                case ChatCommand("plan", rest=request) if request:
                    await self._say(request, plans=True)
                case PromptCall() as call:
                    await self._send_prompt(call, line)
                case ChatCommand(name) if name in calls:
                    await self._call(line.strip())
                case ChatCommand() as command:
                    await self._commands.do(command)
                case str(message) if message:
                    await self._say(message)
        except (CoderError, SandboxError) as error:
            self._screen.clear()
            self._exit_code, self.error = report(error), str(error)
        return True

    async def _send_prompt(self, call: PromptCall, line: str) -> None:
        """Show the prompt of an MCP server, and send it as the message."""
        text, pictures = await message_of_prompt(self._session, call, line)
        for row in text.splitlines():
            self._screen.note(f"│ {row}")
        await self._work(self._session.say(text, typed=line, attached=pictures))

    async def _say(self, text: str, *, plans: bool = False, typed: str | None = None) -> None:
        for name in missing_files(typed or text, self._session.root):
            self._screen.note(f"There is no file {one_line(name)}: it was sent as text.")
        for reason in self._session.find_dropped(typed or text)[1]:
            self._screen.note(one_line(reason))
        await self._work(self._session.say(text, plans=plans, typed=typed))

    async def _call(self, line: str) -> None:
        """Send the message of the command or the skill that a line calls."""
        from coder.config.slash_calls import message_of  # imported late: few messages are calls

        if (message := message_of(line, self._session.root)) is not None:
            await self._say(message.text, typed=line)

    async def _line(self) -> str | None:
        while True:
            self._screen.rest()
            typed_lines = self._onlooker.typed()  # typed too late for the latest message
            if typed_lines:
                return "\n".join(typed_lines)
            if self._onlooker.commands:
                return self._onlooker.commands.pop(0)
            try:
                line = await self._reader.line(self._prompt)
                return None if line is None else without_controls(line)
            except Cancelled:
                self._screen.tell("  · Ctrl-D ends the conversation")

    async def _work(self, step: Coroutine[object, object, Run]) -> None:
        """Work on one message; Ctrl-C interrupts the work and keeps the conversation."""
        state_before = self._session.state
        async with self._onlooker.lines.listening() if self.asks else nullcontext():
            run = await self.unless_cancelled(step)
        if run is None:
            self._exit_code = INTERRUPTED
            return
        self._exit_code = run.exit_code
        state = self._session.state
        if state is not None and (answer_text := answer_in_words(state)) is not None:
            self._exit_code = 0
            self._onlooker.answer(printable(answer_text.strip()))
            if state.open_work:
                paths = one_line(join_names([*state.open_work]), width=300)
                self._screen.tell(f"  ! changed in the session and not written: {paths} (/apply offers it)")
        elif self._session.can_apply and run.status in _UNWRITTEN_STATUSES:
            self._screen.note("the change was not written: /apply asks about it again")
        message_run = run_of_message(state_before, run)
        if run.status == "refused" or (self._exit_code == 0 and run.status in ("unverified", "answered")):
            self._screen.note(render.spent(message_run))
        else:
            for line in [render.verdict(message_run), *render.details(message_run)]:
                self._screen.tell(line)
        if (
            run.landed
            and self._session.settings.commits
            and state is not None
            and state.landing.committed is None
        ):
            self._screen.tell("  ! not committed: nothing has checked it. Name what does: /test CMD")
        if state_before is not None and run.cost is not None:
            self._screen.note(f"so far: {count_of(run.calls, 'call')}, {render.money(run.cost)}")
