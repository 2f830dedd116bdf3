"""Conversing: open a session from the flags of `coder chat`, run its repl, print the result."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from coder.agent import Options
from coder.chat.chat_session import Session
from coder.chat.chat_terminal import open_terminal
from coder.chat.line_reader import PlainReader, Reader
from coder.chat.transcript import Transcript, transcript
from coder.cli.chat_observer import ChatObserver
from coder.cli.permission_commands import PermissionCommands
from coder.cli.repl import Repl
from coder.cli.resume import state_of
from coder.cli.session_settings import Models, gone_on_with, price_of, settings_from, settings_of
from coder.config.layers import Loaded
from coder.config.schema import Config
from coder.console.answerer import Answerer
from coder.console.failure import report, single
from coder.console.interrupt import run_until_interrupted
from coder.console.screen import Screen
from coder.errors import UsageError
from coder.models.model import Model
from coder.run.journal import Journal
from coder.run.model_choice import asked_again
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.task import Task
from coder.run.watch import Watch
from coder.store import EventLog, SqliteLog, data_folder, new_run_id
from coder.workspace.read import read_workspace

NO_TOOLKIT = 'Plain input; for history and completion: pip install "coder-agent[chat]"'


@dataclass(slots=True)
class Names:
    """Paths that can be completed: those that the latest message has read, before it those of the folder."""

    task: Task
    session: Session | None = None
    found: Sequence[str] | None = None

    def __call__(self) -> Sequence[str]:
        """The paths now."""
        state = self.session.state if self.session is not None else None
        if state is not None:
            return list(state.files)
        if self.found is None:
            try:
                self.found = list(read_workspace(self.task, lands=False).files)
            except UsageError:  # the first message will say so
                self.found = ()
        return self.found


@dataclass(slots=True)
class Talk:
    """One start of `coder chat`."""

    task: Task
    resumes: str | None
    """The run that it continues, as the user named it."""
    loaded: Loaded
    flags: Config
    """What was said on the command line alone."""
    given: Mapping[str, Any]
    screen: Screen
    ended: State | None = field(default=None, init=False)
    """The conversation at its end."""
    error: str | None = field(default=None, init=False)
    """What was wrong with the last line."""

    @property
    def is_for_a_program(self) -> bool:
        """Nothing but JSON goes to stdout."""
        return bool(self.given["json"] or self.given["jsonl"])

    async def hold(self) -> int:
        """Talk until the end, and give the exit code.

        Raises:
            UsageError: no such run, or a model, price or limit that can't be used.
            ModelAuthError: no key is set for the model's provider.
            MachineError: the log can't be used.
        """
        async with AsyncExitStack() as stack:
            log = stack.enter_context(SqliteLog(data_folder(os.environ)))
            state = await state_of(log, await log.resolve(self.resumes)) if self.resumes is not None else None
            models = Models(self._answerer(state), self.screen)
            stack.push_async_callback(models.close)
            model = await models.open()
            names = Names(self.task)
            reader = _reader(names)
            results = sys.stderr if self.is_for_a_program else sys.stdout
            speaks = results.isatty() and self.screen.is_lively
            watch = ChatObserver(self.screen, reader, yes=self.given["yes"], results=results, speaks=speaks)
            if state is None:
                settings = settings_of(self.loaded.config, self.given)
                opening = open_session(log, self.task, settings=settings, model=model, watch=watch)
            else:
                settings = settings_from(state, self.flags, self.given)
                task = gone_on_with(state.task, self.task)
                self.screen.watch_model(model.name, has_folder=True)
                opening = reopen_session(
                    log, state.run, task=task, settings=settings, model=model, watch=watch
                )
            names.session = session = await stack.enter_async_context(opening)
            asks = sys.stdin.isatty()
            permissions = PermissionCommands(data_folder(os.environ), session.root, watch, asks=asks)
            dialogue = Repl(
                session,
                reader,
                screen=self.screen,
                switch=models.switch,
                onlooker=watch,
                permissions=permissions,
                results=results,
            )
            try:
                return await self._dialogue(dialogue, session)
            finally:
                self.ended, self.error = session.state, dialogue.error

    async def _dialogue(self, dialogue: Repl, session: Session) -> int:
        if dialogue.asks:
            self.screen.tell(f"{session.model.name} in {session.root}; /help lists the commands, Ctrl-D ends")
            session.kept.prepare(session.task, session.settings, Options(watch=session.journal.watch))
        code = await dialogue.run()
        if session.begun:
            undo = f"   coder undo {session.run}" if session.can_undo else ""
            self.screen.tell(f"  next     coder chat --resume {session.run}{undo}")
        return 0 if dialogue.asks else code

    def _answerer(self, state: State | None) -> Answerer:
        """The model; a continued conversation keeps its own unless a flag names another."""
        config = self.loaded.config if state is None else self.flags
        same = state is not None and not config.answering(self.given["replay"])
        return Answerer(
            asked=asked_again(state) if same and state is not None else config.asked(),
            record=config.record,
            replay=state.settings.replay if same and state is not None else self.given["replay"],
            price=self.given["price"] if state is None else price_of(state, self.flags, self.given),
            must_know_price=self.loaded.cost_was_asked,
            book=self.loaded.book,
            effort=config.effort,
            silence_s=config.model_timeout or (state.settings.model_timeout_s if state is not None else None),
        )


def talk(begin: Callable[[], Talk], *, as_json: bool, jsonl: bool) -> int:
    """Talk, print the document where one is wanted, and return the exit code."""
    one: Talk | None = None
    error: str | None = None
    try:
        if as_json and jsonl:
            raise UsageError("--json and --jsonl exclude each other: one document, or a line for each event.")
        one = begin()
        screen = one.screen
        code = run_until_interrupted(one.hold(), run_id=lambda: screen.run_id)
    except Exception as failed:  # noqa: BLE001 - --json prints a document in every case
        if one is not None:
            one.screen.clear()
        code, error = report(failed), str(single(failed))
    if as_json:
        state, wrong = (one.ended, one.error) if one is not None else (None, None)
        print(document(state, exit_code=code, error=error or wrong))
    return code


def document(state: State | None, *, exit_code: int, error: str | None) -> str:
    """The JSON document of a conversation; before its first message the keys with null."""
    known: dict[str, object] = dict.fromkeys(Transcript.model_fields) | {"messages": []}
    if state is not None:
        known = transcript(state).model_dump(mode="json")
    return json.dumps(known | {"error": error or known["error"], "exit_code": exit_code}, indent=2)


def _reader(paths: Callable[[], Sequence[str]]) -> Reader:
    """A terminal with all that prompt_toolkit gives, else plain lines."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
        return PlainReader()
    terminal = open_terminal(data_folder(os.environ), paths=paths)
    if terminal is None:
        print(NO_TOOLKIT, file=sys.stderr)
    return terminal or PlainReader()


@asynccontextmanager
async def open_session(
    log: EventLog, task: Task, *, settings: Settings, model: Model, watch: Watch
) -> AsyncIterator[Session]:
    """A new conversation about a folder; nothing of it is in the log before its first message."""
    assert task.workspace is not None
    run = new_run_id()
    settings = settings.model_copy(update={"chat": True})
    task = task.model_copy(update={"workspace": task.workspace.absolute()})
    async with (
        log.lease(run) as token,
        _closed(Session(Journal(run, log, token=token, watch=watch), log, task, settings, model)) as it,
    ):
        yield it


@asynccontextmanager
async def reopen_session(
    log: EventLog, run: str, *, task: Task, settings: Settings, model: Model, watch: Watch
) -> AsyncIterator[Session]:
    """Continue a conversation, or begin one with the result of another run in its folder.

    Args:
        task: what further messages have in common.
        settings: those from now on.

    Raises:
        UsageError: the log holds no such run, or it has no folder.
        LeaseHeld: another process works on it.
        LogDamaged, LogNewer: the log can't be used.
    """
    async with log.lease(run) as token:
        journal = Journal(run, log, token=token, watch=watch)
        state = await journal.load()
        if state.task.workspace is None:
            raise UsageError(f"{run} has no folder to talk about. Name one: coder chat PATH")
        settings = settings.model_copy(update={"chat": True})
        async with _closed(Session(journal, log, task, settings, model, begun=True)) as session:
            yield session


@asynccontextmanager
async def _closed(session: Session) -> AsyncIterator[Session]:
    """Close the sandboxes of a conversation at its end."""
    try:
        yield session
    finally:
        await session.kept.close()
