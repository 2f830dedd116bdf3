"""Repl: reads lines, and does what they say, until the person ends it or nothing more comes.

Results go to stdout: answers in words, diffs, what `/cost` tells. All else goes to stderr.
"""

import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from functools import partial
from typing import TextIO, TypeVar, get_args

from coder.chat.chat_session import Session
from coder.chat.commands import Command, help_lines, parse_line, words_of
from coder.chat.jobs import told_jobs
from coder.chat.line_reader import Cancelled, Reader
from coder.chat.transcript import of_one_message
from coder.cli.chat_observer import ChatObserver
from coder.cli.cost_lines import cost_lines
from coder.cli.host_commands import HostCommands
from coder.cli.permission_commands import PermissionCommands
from coder.cli.unfolding import unfolded
from coder.config.task_file import split_command
from coder.console import render
from coder.console.failure import report
from coder.console.interrupt import until_ctrl_c
from coder.console.screen import Screen
from coder.console.signals import INTERRUPTED
from coder.errors import CoderError, UsageError
from coder.models.abilities import abilities_of
from coder.models.model import Effort, Model
from coder.models.tokens import input_tokens
from coder.run.run import Run
from coder.run.termination import named
from coder.text.sanitize import count_of, one_line, printable
from sandbox import SandboxError

T = TypeVar("T")
PROMPT = "> "
SwitchModel = Callable[[str], Awaitable[tuple[Model, dict[str, object]]]]


class Repl:
    """One person's side of a session."""

    def __init__(
        self,
        session: Session,
        reader: Reader,
        *,
        screen: Screen,
        switch: SwitchModel,
        onlooker: ChatObserver,
        permissions: PermissionCommands,
        results: TextIO,
    ) -> None:
        """Take what answers and where lines come from.

        Args:
            switch: opens another model, and closes the one before.
            onlooker: knows which part of an answer was already shown.
            permissions: what the user allows.
            results: where answers in words and what commands say go.
        """
        self.asks = sys.stdin.isatty()
        """A person sits there, so that the prompt is shown."""
        self._session = session
        self._reader = reader
        self._host = HostCommands(session, reader, screen)
        self._screen = screen
        self._switch = switch
        self._prompt = PROMPT if self.asks else ""
        self._onlooker = onlooker
        self._permissions = permissions
        self._results = results
        self._code = 0  # of the latest message
        self.error: str | None = None
        """What was wrong with the latest message or command; None: nothing."""

    async def run(self) -> int:
        """Talk until the end; gives the exit code of the latest message."""
        state = self._session.state
        if state is not None and state.stopped is None:  # killed: it ended unintentionally
            await self._told("/go")
        elif self._session.is_cut_off:
            self._screen.tell("  · the latest message was interrupted: /go continues it")
        while (line := await self._line()) is not None:
            if not await self._told(line):
                break
        return self._code

    async def _told(self, line: str) -> bool:
        """Do what a line says; False: it says that this is the end."""
        self.error = None
        try:
            said = parse_line(line)
            if isinstance(said, Command):
                if said.name == "quit":
                    return False
                await self._do(said)
            elif said:
                await self._work(self._session.say(said))
        except (CoderError, SandboxError) as error:
            self._screen.clear()
            self._code, self.error = report(error), str(error)
        return True

    async def _line(self) -> str | None:
        while True:
            self._screen.rest()
            if typed := self._onlooker.lines.take():  # too late for the model that worked
                return "\n".join(typed)
            try:
                return await self._reader.line(self._prompt)
            except Cancelled:
                self._screen.tell("  · Ctrl-D ends the conversation")

    async def _work(self, step: Coroutine[object, object, Run]) -> None:
        """Let the loop work on one message; Ctrl-C breaks that off and keeps the conversation."""
        before = self._session.state
        with self._onlooker.lines.listening() if self.asks else nullcontext():
            run = await self._unless_cancelled(step)
        if run is None:
            self._code = INTERRUPTED
            return
        self._code = run.exit_code
        state = self._session.state
        if state is not None and state.last is not None and state.last.kind == "reply":
            self._code = 0
            self._answer(printable(state.last.text.strip()))
            if state.open_work:
                paths = one_line(named([*state.open_work]), width=300)
                self._screen.tell(f"  ! changed in the session and not written: {paths}")
        own = of_one_message(before, run)
        if run.status == "refused" or (self._code == 0 and run.status == "unverified"):
            self._screen.note(render.spent(own))
        else:
            for line in render.verdict(own)[:-1]:
                self._screen.tell(line)
        if run.landed and self._session.settings.commits and state is not None and state.committed is None:
            self._screen.tell("  ! not committed: nothing has checked it. Name what does: /test CMD")
        if before is not None and run.cost is not None:
            self._screen.note(f"so far: {count_of(run.calls, 'call')}, {render.money(run.cost)}")
        self._screen.tell_waiting()

    def _answer(self, words: str) -> None:
        """Print an answer in words, unless it has been shown as it came."""
        was_shown = self._results.isatty() and self._screen.is_lively and self._onlooker.words.heard == words
        if not was_shown:
            self._say(words)

    def _say(self, text: str, *, end: str = "\n") -> None:
        print(text, end=end, file=self._results, flush=True)

    async def _unless_cancelled(self, work: Coroutine[object, object, T]) -> T | None:
        tell = partial(self._screen.tell, "  ! interrupted; nothing is lost: /go continues")
        go_on, hosts = f"coder chat --resume {self._session.run}", self._onlooker.hosts
        async with hosts.asking() if hosts is not None else nullcontext():
            return await until_ctrl_c(self._screen.spinning(work), go_on, then=tell)

    async def _do(self, command: Command) -> None:
        match command.name:
            case "help":
                for line in help_lines():
                    self._say(line)
            case "add":
                self._add(command.rest)
            case "test":
                await self._test(command.rest)
            case "diff":
                self._say(printable(self._session.diff()), end="")
            case "undo":
                left = await self._session.undo()  # the screen has told each file as it happened
                if left is not None:
                    self._screen.tell(f"  ! {one_line(left)}")
            case "go":
                await self._work(self._session.go_on())
            case "cost":
                await self._cost()
            case "!":
                await self._unless_cancelled(self._command(command.rest))
            case "auto":
                self._permissions.auto(command.rest, self._say)
            case "permissions":
                self._permissions.tell(command.rest, self._say)
            case "commit":
                await self._host.commit(command.rest)
            case "pr":
                await self._host.pull_request(command.rest)
            case "show":
                self._say(await unfolded(self._session, command.rest))
            case "effort":
                self._effort(command.rest)
            case "jobs":
                self._say(await told_jobs(self._session, words_of(command.rest)))
            case "context":
                self._context()
            case "compact":
                before, after = await self._session.compact()
                self._say(f"{before:,} → {after:,} tokens")
            case _:
                await self._model(command.rest)

    async def _command(self, command: str) -> None:
        def show(chunk: bytes) -> None:
            self._screen.clear()
            self._say(printable(chunk.decode("utf-8", "replace")), end="")

        done = await self._session.command(command, show)
        if done.exit_code != 0:
            self._say(f"[exit {done.exit_code}]" if done.exit_code is not None else f"[{done.status}]")

    def _effort(self, level: str) -> None:
        if level and level not in get_args(Effort):
            raise UsageError(f"There is no effort {level!r}. Name one: {', '.join(get_args(Effort))}")
        if level:
            self._session.settings = self._session.settings.model_copy(update={"effort": level})
        self._say(self._session.settings.effort or "the model's own")

    def _context(self) -> None:
        state, window = self._session.state, abilities_of(self._session.model).context
        used = f"{input_tokens(state.dialogue if state is not None else ()):,} tokens"
        self._say(f"{used} of {window:,}" if window else used)

    def _add(self, rest: str) -> None:
        if not rest:
            for path in self._session.added:
                self._say(one_line(path, width=300))
            return
        for path in self._session.add(words_of(rest)):
            self._screen.tell(f"  · {one_line(path)}")

    async def _test(self, rest: str) -> None:
        if rest:
            command = split_command(rest)
            self._session.task = self._session.task.model_copy(update={"test_command": command})
        seen = await self._unless_cancelled(self._session.test())
        if seen is None:
            return
        failed = [test.name for test in seen.tests if not test.passed]
        count = f"{len(seen.tests) - len(failed)} of {count_of(len(seen.tests), 'test')} pass"
        self._say(f"{'✓' if seen.passed else '✗'} {count}")
        if seen.flaky:
            self._say(printable(f"flaky: {', '.join(seen.flaky)}"))
        if seen.feedback:
            self._say(printable(seen.feedback.rstrip()))

    async def _cost(self) -> None:
        for line in cost_lines(await self._session.costs()):
            self._say(printable(line))
        budget = self._session.settings.budget
        self._say(f"of at most {count_of(budget.calls, 'call')} and {render.money(float(budget.cost_usd))}")

    async def _model(self, name: str) -> None:
        if name:
            self._session.model, named = await self._switch(name)
            self._session.settings = self._session.settings.model_copy(update=named)
        self._say(printable(self._session.model.name))
