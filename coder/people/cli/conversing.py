"""Open a session from the flags of `coder chat`, run its repl, and print the result."""

import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import typer

from coder.base.errors import UsageError, own_command
from coder.config.layers import Loaded, load
from coder.config.mcp_servers import mcp_named
from coder.config.schema import checked, flag
from coder.config.task_file import split_command
from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.opening import open_session
from coder.engine.chat.transcript import document
from coder.engine.options import Options
from coder.engine.requests import latest_run, state_of
from coder.people.chat.chat_terminal import open_reader
from coder.people.chat.server_prompts import prompt_calls
from coder.people.cli.chat_observer import ChatObserver
from coder.people.cli.own_folder import require_own_folder
from coder.people.cli.repl import Repl
from coder.people.cli.run_settings import (
    changed_conversation,
    models_of_resume,
    must_know_price,
    new_conversation,
)
from coder.people.cli.solve_run import require_one_form, traced_to_collector
from coder.people.cli.switchable_model import SwitchableModel
from coder.run.model_choice import open_models
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.task import Task
from coder.show.failure import report, single
from coder.show.flags import check_backend, given_flags
from coder.show.given_tests import keep_tests, with_given_tests
from coder.show.interrupt import run_until_interrupted
from coder.show.screen import Screen
from coder.show.signals import keep_terminal_modes
from coder.show.typed_words import project_of
from coder.store import data_folder, open_log


class Conversation:
    """One run of `coder chat`."""

    def __init__(self, flags: Mapping[str, object], args: Mapping[str, Any], screen: Screen) -> None:
        """Initialize with the given configuration flags, and the values of all flags."""
        self.final_state: State | None = None
        """State of the conversation at its end."""
        self.error: str | None = None
        """Error of the last line."""
        self._flags = flags
        self._args = dict(args)
        self._screen = screen

    async def hold(self) -> int:
        """Run the conversation until it ends; return the exit code."""
        args, screen = self._args, self._screen
        async with AsyncExitStack() as stack:
            log = stack.enter_context(open_log())
            if args["latest"] and args["resume"] is None:
                folder = _absolute(args["path"] or Path())
                args["resume"], args["path"] = await latest_run(log, folder, chats=True), None
            await self._require_folder()
            state = None
            if args["resume"] is not None:
                state = await state_of(log, await log.resolve(args["resume"]))
            loaded, task = self._load(state), self._task()
            settings, switchable = self._configure(state, loaded)
            stack.push_async_callback(switchable.close)
            model = await switchable.open()
            reader = open_reader(
                data_folder(os.environ), paths=lambda: session.paths(), calls=lambda: _calls_in(session)
            )
            result_stream = sys.stderr if args["json"] or args["jsonl"] else sys.stdout
            await stack.enter_async_context(traced_to_collector(args, screen))
            watch = ChatObserver(screen, reader, yes=args["yes"], results=result_stream)
            if state is not None:
                task = _with_flags(state.task, task)
                screen.watch_model(model.name, has_folder=True)
            run = state.run if state is not None else None
            opening = open_session(log, task, settings=settings, model=model, watch=watch, run=run)
            session = await stack.enter_async_context(opening)
            session.tools = mcp_named(args["mcp"], loaded.servers)
            watch.calls = partial(_calls_in, session)
            repl = Repl(session, reader, screen=screen, switch=switchable.switch, onlooker=watch)
            try:
                return await self._talk(repl, session)
            finally:
                self.final_state, self.error = session.state, repl.error

    async def _require_folder(self) -> None:
        """Raise UsageError if the folder doesn't exist, has to be named, or was given with --resume."""
        folder, is_resumed = self._args["path"], self._args["resume"] is not None
        if is_resumed and folder is not None:
            raise UsageError("--resume works in the folder of its run: leave PATH out.")
        is_new = not (is_resumed or self._args["latest"])
        if is_new and folder is None and project_of(Path()) is None:
            await require_own_folder(Path(), self._args, command="chat")
        folder = folder or Path()
        if not is_resumed and not folder.exists():
            raise UsageError(f"There is no {folder}. Make it, or name another one: {own_command()} chat PATH")

    def _load(self, state: State | None) -> Loaded:
        folder = self._args["path"] or Path()
        loaded = load(self._flags, workspace=folder if state is None else state.task.workspace)
        check_backend(loaded.config.options.sandbox, self._flags)
        for note in loaded.notes:
            self._screen.note(note)
        return loaded

    def _task(self) -> Task:
        command, read = split_command(self._args["test"]), tuple(self._args["read"] or ())
        folder = self._args["path"] or Path()
        task = Task(prompt="-", workspace=folder, test_command=command, read=read)
        return with_given_tests(task, no_test=self._args["no_test"], tell=self._screen.note)

    def _configure(self, state: State | None, loaded: Loaded) -> tuple[Settings, SwitchableModel]:
        """Return the settings and the model, not open yet; a resumed conversation keeps both unless flags
        change them.
        """
        models, is_price_required = loaded.config.models(), loaded.cost_was_asked
        if state is None:
            settings = new_conversation(loaded, self._args)
        else:
            flags = checked(self._flags, flag)
            settings = changed_conversation(state, flags, self._args, user_limits=loaded.config.names)
            models, is_price_required = models_of_resume(flags, state), must_know_price(flags, state)
        opening = partial(
            open_models,
            note=self._screen.note,
            book=loaded.book,
            record=self._args["record"],
            must_know_price=is_price_required,
        )
        return settings, SwitchableModel(opening, models, settings)

    async def _talk(self, repl: Repl, session: ChatSession) -> int:
        tell = self._screen.tell
        if repl.asks:
            tell(f"{session.model.name} in {session.root}; /help lists the commands, Ctrl-D ends")
            options = Options(watch=session.journal.watch, tools=session.tools)
            session.kept_environment.prepare(session.task, session.settings, options)
        exit_code = await repl.run()
        if session.has_begun:
            if self._args["test"] is not None:
                keep_tests(session.root, split_command(self._args["test"]) or (), tell=self._screen.note)
            undo_hint = f"   {own_command()} undo {session.run}" if session.can_undo else ""
            tell(f"  next     {own_command()} chat --resume {session.run}{undo_hint}")
        return 0 if repl.asks else exit_code


def talk(context: typer.Context) -> int:
    """Run a conversation, print its document with --json, and return the exit code."""
    args = context.params
    screen = Screen(**{name: args[name] for name in ("verbose", "quiet", "yes", "json", "jsonl", "detach")})
    conversation = Conversation(given_flags(context), args, screen)
    error: str | None = None
    keep_terminal_modes()
    try:
        require_one_form(args)
        exit_code = run_until_interrupted(conversation.hold(), run_id=lambda: screen.run_id)
    except Exception as exception:  # noqa: BLE001 - --json prints a document in every case
        screen.clear()
        exit_code, error = report(exception), str(single(exception))
    if args["json"]:
        print(document(conversation.final_state, exit_code=exit_code, error=error or conversation.error))
    return exit_code


def _with_flags(task: Task, flags: Task) -> Task:
    """Return the task of a resumed conversation, changed by flags."""
    changes: dict[str, object] = {"read": tuple(dict.fromkeys((*task.read, *flags.read)))}
    if flags.test_command:
        changes |= {"test_command": flags.test_command, "found": ()}
    return task.model_copy(update=changes)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _calls_in(session: ChatSession) -> list[str]:
    """Return the names of commands and skills of the user and the folder, and of the servers' prompts."""
    from coder.config.slash_calls import slash_calls  # imported late: it reads YAML

    return [*slash_calls(session.root), *prompt_calls(session)]
