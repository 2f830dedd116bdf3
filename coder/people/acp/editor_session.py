"""EditorSession: one session of a client, which is a chat that is open until the client goes away."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from acp.schema import UsageUpdate

from coder.base.errors import CoderError, UsageError
from coder.base.text.sanitize import printable
from coder.base.usage import Usage
from coder.config.layers import Loaded, load
from coder.config.schema import checked, flag
from coder.config.slash_calls import message_of, slash_calls
from coder.config.task_file import split_command
from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.opening import open_session
from coder.engine.chat.subject import require_sight, root_of
from coder.engine.requests import state_of
from coder.models.abilities import abilities_of
from coder.models.answer_parts import Image
from coder.people.acp.client_servers import ClientAdditions, servers_of
from coder.people.acp.replay import Replay, words_at_end
from coder.people.acp.session_watch import SessionWatch
from coder.people.acp.updates import usage_update
from coder.people.chat.server_prompts import find_prompt, message_of_prompt, prompt_calls
from coder.people.cli.run_settings import (
    changed_conversation,
    models_of_resume,
    must_know_price,
    new_conversation,
)
from coder.people.cli.switchable_model import SwitchableModel
from coder.run.events import Event
from coder.run.model_choice import open_models
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.flags import check_backend
from coder.show.given_tests import with_given_tests
from coder.show.known_models import known_models
from coder.store import open_log

StopReason = Literal["end_turn", "max_tokens", "max_turn_requests", "cancelled"]
MODES = {
    "ask": "Ask: you approve each change before it is written.",
    "auto": "Auto: a change is written without a question, unless a test or its program fails.",
    "plan": "Plan: you approve a plan before each change.",
}
COMMANDS = {
    "go": "Continue the message that was interrupted.",
    "apply": "Ask again about the change that was not written.",
    "undo": "Revert the latest change that was written.",
}
"""Messages that are commands, without their slash."""


class EditorSession:
    """An open chat, its watch, and the work on its latest message."""

    def __init__(
        self,
        chat: ChatSession,
        watch: SessionWatch,
        switchable: SwitchableModel,
        loaded: Loaded,
    ) -> None:
        """Initialize with the chat, its watch, its model, and the configuration."""
        self.chat, self.watch = chat, watch
        self._configured = loaded
        self.model_names = known_models(loaded)
        """Models to choose from."""
        self._switchable = switchable
        self.mode = "ask"
        self._work: asyncio.Task[Run] | None = None
        watch.usage_of = self._usage_of
        chat.settings = chat.settings.model_copy(update={"ask_tool": watch.has_forms})
        self.set_mode("plan" if chat.settings.plan else "ask")

    @property
    def run(self) -> str:
        """The id of the session, which is that of its run."""
        return self.chat.run

    @property
    def root(self) -> Path:
        """The folder that the session is about."""
        return self.chat.root

    def set_mode(self, mode: str) -> None:
        """Set the mode from the next message or question on. Raises UsageError if there is no such mode."""
        if mode not in MODES:
            raise UsageError(f"There is no mode {mode!r}. Name one of: {', '.join(MODES)}")
        self.mode, self.watch.auto = mode, mode == "auto"
        update = {"plan": True if mode == "plan" else None}
        self.chat.settings = self.chat.settings.model_copy(update=update)

    async def switch_model(self, name: str) -> None:
        """Use another model from the next message on.

        Raises UsageError if there is no such model, or the session is working on a message.
        """
        if name == self.chat.model.name:
            return
        self._require_rest()
        self.chat.model, update = await self._switchable.switch(name)
        self.chat.settings = self.chat.settings.model_copy(update=update)

    async def use(self, added: ClientAdditions) -> None:
        """Use the tools of MCP servers, and folders, from the next message on.

        Raises UsageError if they differ and the session is working on a message.
        """
        servers = servers_of(added.servers, self._configured.servers)
        settings = with_folders(self.chat.settings, self._configured, added)
        if (servers, settings) == (self.chat.tools, self.chat.settings):
            return
        self._require_rest()
        self.chat.tools, self.chat.settings = servers, settings
        await self.chat.kept_environment.close()  # its servers are those that were

    async def prompt(self, text: str, pictures: tuple[Image, ...] = ()) -> StopReason:
        """Work on one message.

        Raises UsageError if the latest message isn't done, or the model can't see the pictures.
        """
        self._require_rest()
        require_sight(self.chat.model, pictures, "Choose another model, or leave the picture out.")
        if text.strip() == "/undo":
            note = await self.chat.undo()
            self.watch.say(printable(f"{note[0].upper()}{note[1:]}."))
            return "end_turn"
        commands = {"/go": self.chat.go_on, "/apply": self.chat.apply}
        if (command := commands.get(text.strip())) is not None:
            return await self._finish(command())
        if (call := await find_prompt(self.chat, text)) is not None:
            words, more = await message_of_prompt(self.chat, call, text)
            self.watch.note(words)
            return await self._finish(self.chat.say(words, typed=text, attached=(*pictures, *more)))
        message = message_of(text, self.chat.root)
        return await self._finish(
            self.chat.say(text, attached=pictures)
            if message is None
            else self.chat.say(message.text, typed=text, attached=pictures)
        )

    def calls(self) -> dict[str, str]:
        """Return messages that are commands, with descriptions: ours, and those of files and servers."""
        descriptions = dict(COMMANDS)
        for prompt in prompt_calls(self.chat).values():
            descriptions[prompt.name] = f"{prompt.usage} {prompt.description}"
        for name, call in slash_calls(self.chat.root).items():
            with suppress(OSError, ValueError):  # a message that calls it says what is wrong
                descriptions.setdefault(name, call.description() or call.shown_path)
        return descriptions

    def cancel(self) -> None:
        """Interrupt the work on the latest message; nothing is lost."""
        if self._work is not None:
            self._work.cancel()

    async def close(self) -> None:
        """Interrupt the work, and wait until it has saved."""
        if (work := self._work) is not None:
            work.cancel()
            await asyncio.wait([work])
            self.watch.end_calls()
            await self.watch.flush()  # what sends updates ends with the session

    async def replay(self) -> None:
        """Send the conversation so far."""
        events: list[Event] = []
        while (state := self.chat.state) is not None and len(events) < state.progress.seq:
            events += await self.chat.log.read(self.run, after=len(events))
        if state is None:
            return
        Replay(self.watch).show(events[: state.progress.seq])
        stopped = state.progress.stopped
        if self._work is None and (stopped is None or stopped.status == "interrupted"):
            self.watch.end_calls()
        if self._work is None and stopped is None:
            self.watch.say("interrupted: see /go")

    def _usage_of(self, latest: Usage) -> UsageUpdate | None:
        state, context = self.chat.state, abilities_of(self.chat.model).context
        return usage_update(state.spend, latest, context) if state is not None and context else None

    def _require_rest(self) -> None:
        if self._work is not None:
            raise UsageError("The session works on a message. Cancel it first, or wait.")

    async def _finish(self, work: Coroutine[Any, Any, Run]) -> StopReason:
        self._work = asyncio.create_task(work)
        try:
            async with self.watch.hosts.asking():
                await asyncio.wait([self._work])
            run = None if self._work.cancelled() else self._work.result()
            if run is None or run.status == "interrupted":
                self.watch.end_calls()
        finally:
            self._work = None
            await self.watch.flush()
        if run is None:
            return "cancelled"
        if run.status == "error":
            raise CoderError(run.reason)
        self.watch.say(words_at_end(self.chat.state, run, self.watch.words.text))
        return stop_reason(run)


def with_folders(settings: Settings, loaded: Loaded, added: ClientAdditions) -> Settings:
    """Return the settings with the folders of the configuration and of a client, if it adds any."""
    if not added.folders:
        return settings
    folders = dict.fromkeys((*loaded.config.options.add_dir, *added.folders))
    return settings.model_copy(update={"add_dir": tuple(folders)})


def stop_reason(run: Run) -> StopReason:
    """Return the protocol's reason for the end of a message; a verdict isn't a reason, but sent as text."""
    if run.status == "interrupted":
        return "cancelled"
    if run.status == "limit":
        return "max_tokens" if run.limit in ("tokens", "answer") else "max_turn_requests"
    return "end_turn"


@asynccontextmanager
async def open_editor_session(
    watch: SessionWatch,
    folder: Path,
    flags: Mapping[str, object],
    args: Mapping[str, Any],
    *,
    added: ClientAdditions,
    run: str | None = None,
) -> AsyncIterator[EditorSession]:
    """Open a new session about a folder, or one that continues a run.

    Args:
        added: what the client adds to the session.
        run: id of the run to continue.

    Raises:
        UsageError: the configuration can't be used, or there is no such run about this folder.
        LeaseHeld: another process works on the run.
    """
    async with AsyncExitStack() as stack:
        log = stack.enter_context(open_log())
        loaded = load(flags, workspace=folder)
        check_backend(loaded.config.options.sandbox, flags)
        task = Task(prompt="-", workspace=folder, test_command=split_command(args["test"]))
        if not args["no_test"]:
            task = with_given_tests(task, no_test=False, tell=watch.note)
        settings, models = new_conversation(loaded, args), loaded.config.models()
        is_price_required = loaded.cost_was_asked
        if run is not None:
            if run != await log.resolve(run):
                raise UsageError(f"There is no session {run}. Ask for them by session/list.")
            state = await state_of(log, run)
            if state.task.workspace is None or root_of(state.task) != folder:
                raise UsageError(f"{run} is not about {folder}.")
            options = checked(flags, flag)
            given = {"test_command": task.test_command, "found": ()} if task.test_command else {}
            task = state.task.model_copy(update=given)
            settings = changed_conversation(state, options, args, user_limits=loaded.config.names)
            models = models_of_resume(options, state)
            is_price_required = must_know_price(options, state)
        settings = with_folders(settings, loaded, added)
        opening = partial(open_models, note=watch.note, book=loaded.book, must_know_price=is_price_required)
        switchable = SwitchableModel(opening, models, settings)
        stack.push_async_callback(switchable.close)
        model = await switchable.open()
        chat = await stack.enter_async_context(
            open_session(log, task, settings=settings, model=model, watch=watch, run=run)
        )
        chat.tools = servers_of(added.servers, loaded.servers)
        watch.begin(chat.run)
        pump = asyncio.create_task(watch.pump())
        stack.callback(pump.cancel)
        session = EditorSession(chat, watch, switchable, loaded)
        stack.push_async_callback(session.close)
        for line in loaded.notes:
            watch.note(line)
        yield session
