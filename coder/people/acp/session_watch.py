"""SessionWatch: sends a conversation to the client while the model works, and asks the client's user."""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from acp.helpers import (
    image_block,
    text_block,
    update_agent_message_text,
    update_agent_thought_text,
    update_tool_call,
    update_user_message,
    update_user_message_text,
)
from acp.interfaces import Client
from acp.schema import AllowedOutcome, ClientCapabilities, ToolCallUpdate, UsageUpdate

from coder.base.text.sanitize import one_line, printable
from coder.base.usage import Usage
from coder.config.permissions import Permissions
from coder.edits.replies import is_question
from coder.engine.participants.role import CODER, PLANNER
from coder.models.answer_parts import Image
from coder.people.acp.buffers import Buffers
from coder.people.acp.elicitation import ask_in_form, offers_forms
from coder.people.acp.updates import (
    HOST_OPTIONS,
    call_id,
    decision_of,
    diffs_of,
    ended_call,
    ended_question,
    options_of,
    plan_update,
    session_info,
    started_call,
    started_question,
    unstarted_call,
)
from coder.people.chat.word_stream import WordStream
from coder.people.cli.host_questions import HostQuestions
from coder.run import event_types
from coder.run.events import Event
from coder.run.message import EXPERT
from coder.run.plan import plan_of
from coder.run.questions import Decision, Question
from coder.run.stored_file import StoredFile
from coder.run.watch import Watch
from coder.show.render import is_refused, progress
from coder.store import data_folder
from coder.tools.plan_tool import PLAN
from sandbox.policy import AskHost


class SessionWatch(Watch):
    """Watch and Decider of one session."""

    def __init__(
        self, client: Client, root: Path, name: str, capabilities: ClientCapabilities | None
    ) -> None:
        """Initialize with the connection to the client, its name and abilities, and the session's folder."""
        self.session_id = ""
        self._buffers = Buffers(client, root, capabilities)
        permissions = Permissions(data_folder(os.environ), root)
        self.hosts = HostQuestions(permissions, self._ask_about_host, self.note)
        """Questions about hosts that programs want to reach."""
        self.auto = False
        """Whether verified changes are written without a question."""
        self.usage_of: Callable[[Usage], UsageUpdate | None] = lambda _: None
        """Function that returns the update for the usage of an answer; None: no context is known."""
        self.words = WordStream()
        """The words of the latest answer so far."""
        self._client, self._root, self._name = client, root, name
        self.has_forms = offers_forms(capabilities)
        """Whether the client's user can answer in words while the model works."""
        self._updates: asyncio.Queue[Any] = asyncio.Queue()
        self._texts: dict[str, str | None] = {}
        """Texts of the files that the model has changed in this message."""
        self._started: set[str] = set()
        """Ids of the calls that the client was sent and that have no result yet."""
        self._is_for_user = True
        self._is_asked = self._has_step_begun = False
        self._question_count = 0

    def begin(self, session_id: str) -> None:
        """Set the id of the session, now that it is open."""
        self.session_id = self._buffers.session_id = session_id

    async def open_texts(self, paths: Collection[str]) -> Mapping[str, str]:
        """Return the client's texts of these files, by path."""
        return await self._buffers.read(paths)

    def saved_digest(self, path: str) -> str | None:
        """Return the digest of the file on the disk that the client's text is based on."""
        return self._buffers.saved_digest(path)

    async def write_texts(self, texts: Mapping[str, str]) -> None:
        """Ask the client to write files, if it supports that."""
        await self._buffers.write(texts)

    async def pump(self) -> None:
        """Send queued updates in order until cancelled."""
        while True:
            update = await self._updates.get()
            with suppress(ConnectionError):  # the client is gone, and the session is about to be closed
                await self._client.session_update(session_id=self.session_id, update=update)
            self._updates.task_done()

    async def flush(self) -> None:
        """Wait until all updates are sent."""
        await self._updates.join()

    def send(self, update: object) -> None:
        """Queue an update."""
        self._updates.put_nowait(update)

    def say(self, text: str) -> None:
        """Queue words of the agent."""
        if text:
            self.send(update_agent_message_text(text))

    def repeat(self, text: str, pictures: Sequence[Image] = ()) -> None:
        """Queue an earlier message of the user; of a PDF, its name."""
        self.send(update_user_message_text(text))
        for picture in pictures:
            is_shown = not picture.is_pdf
            block = image_block(picture.base64, picture.media_type) if is_shown else text_block(picture.name)
            self.send(update_user_message(block))

    def expect(self, texts: Mapping[str, str | None]) -> None:
        """Set the texts of files before their first change in this message, if it hasn't begun."""
        self._texts = {**texts, **self._texts}

    def show_question(self, name: str, question: Question, before: Mapping[str, str | None]) -> None:
        """Queue a question as a call without a result.

        Args:
            name: distinguishes the questions of a session.
            before: texts of the files that a change to approve replaces.
        """
        if question.kind == "approve":
            self.send(started_question(f"question-{name}", question, self._diffs_of(question, before)))

    def show_decision(self, name: str, decision: Decision) -> None:
        """Queue the result of a question."""
        self.send(ended_question(f"question-{name}", decision))

    def end_calls(self) -> None:
        """Queue the failure of calls without a result: they were interrupted, or their process was killed."""
        while self._started:
            self.send(update_tool_call(self._started.pop(), status="failed"))

    def note(self, text: str) -> None:
        """Queue a line that belongs to no event."""
        self.send(update_agent_thought_text(f"{printable(text)}\n"))

    def token(self, text: str) -> None:
        """Send a piece of an answer."""
        words = self.words.feed(text)
        if self._is_for_user:
            self.say(words)

    def event(self, event: Event) -> None:
        """Send an event of the run, if a client can show it."""
        body = event_types.parse(event)
        is_step_start, self._has_step_begun = self._has_step_begun, isinstance(body, event_types.StepStarted)
        if is_step_start and isinstance(body, event_types.FilesChanged):
            return  # what was written or edited between two messages, which is no news
        if body is not None and self._is_for_user:
            self.say(self.words.take_late(body))
        match body:
            case event_types.RunStarted(task=task) | event_types.StepStarted(task=task):
                if isinstance(body, event_types.RunStarted):
                    self.send(session_info(task.prompt, event.time))
                self._is_asked = is_question(task.prompt)
                self._texts.clear()
            case event_types.CallIntended():
                self.words = WordStream(with_code=self._is_asked)
                is_planner_answer = body.participant == PLANNER and body.in_dialogue
                self._is_for_user = is_planner_answer or body.participant in (CODER, EXPERT)
            case event_types.CallAnswered():
                self._end_answer(body)
                if self._is_for_user and (update := self.usage_of(body.usage)) is not None:
                    self.send(update)
            case event_types.ToolCalled(name=PLAN.name):
                if (plan := plan_of(body.arguments)) is not None:
                    self.send(plan_update(plan))
            case event_types.ToolCalled():
                self._started.add(call_id(body))
                self.send(started_call(self._root, body))
            case event_types.ToolAnswered() if body.name != PLAN.name:
                self._end_call(body)
            case event_types.Body():
                if (line := progress(body)) is not None:
                    self.note(line.strip())

    def is_there(self, question: Question) -> bool:
        """Return whether the client can show a question: with options, or in a form if it offers forms."""
        return bool(options_of(question)) or self.has_forms

    async def decide(self, question: Question) -> Decision:
        """Ask the client's user; a dismissed permission means no. Raises Waits if a form was dismissed."""
        if self.auto and question.about == "landing" and question.passed:
            decision = Decision(decision="yes")
            self._question_count += 1
            self.show_question(f"{self._question_count}", question, {})
            self.show_decision(f"{self._question_count}", decision)
        elif self.has_forms and question.kind != "approve":
            await self.flush()
            decision = await ask_in_form(self._client, self.session_id, question)
        else:
            decision = await self._ask(question)
        return decision.model_copy(update={"who": self._name, "how": "acp"})

    @property
    def ask_host(self) -> AskHost:
        """Function that asks the client's user whether programs may reach a host."""
        return self.hosts.may_reach

    async def _ask_about_host(self, address: str) -> str:
        self._question_count += 1
        call_id = f"question-{self._question_count}"
        update = ToolCallUpdate(
            tool_call_id=call_id,
            title=one_line(f"A program wants to reach {address}", width=200),
            kind="fetch",
            status="pending",
        )
        await self.flush()
        response = await self._client.request_permission(
            session_id=self.session_id, tool_call=update, options=HOST_OPTIONS
        )
        chosen = response.outcome.option_id if isinstance(response.outcome, AllowedOutcome) else "no"
        self.send(update_tool_call(call_id, status="failed" if chosen == "no" else "completed"))
        return chosen

    async def _ask(self, question: Question) -> Decision:
        await self.flush()
        self._question_count += 1
        name = f"{self._question_count}"
        started = started_question(f"question-{name}", question, self._diffs_of(question, {}))
        response = await self._client.request_permission(
            session_id=self.session_id,
            tool_call=ToolCallUpdate.model_validate(started.model_dump(exclude={"session_update"})),
            options=options_of(question),
        )
        chosen = response.outcome.option_id if isinstance(response.outcome, AllowedOutcome) else None
        decision = decision_of(question, chosen)
        self.show_decision(name, decision)
        return decision

    def _diffs_of(self, question: Question, before: Mapping[str, str | None]) -> list[Any]:
        """Return diffs of the change that a question is about; `before` has texts other than the user's."""
        now = {path: self._buffers.text(path) for path in question.files if path not in before}
        return diffs_of(self._root, {**before, **now}, question.files)

    def _end_call(self, body: event_types.ToolAnswered) -> None:
        """Send the result of a call; edits of an answer, `done` and refused calls had no start."""
        diffs = self._diffs(body.changes)
        if call_id(body) not in self._started:
            if not diffs and not is_refused(body):
                return
            self.send(unstarted_call(body))
        self._started.discard(call_id(body))
        self.send(ended_call(body, diffs))

    def _end_answer(self, body: event_types.CallAnswered) -> None:
        if not self._is_for_user:
            return
        if body.reasoning:
            self.send(update_agent_thought_text(printable(body.reasoning)))
        remaining = self.words.end()
        self.say(f"{remaining}\n\n" if self.words.text else "")

    def _diffs(self, changes: Mapping[str, StoredFile | None]) -> list[Any]:
        """Return diffs of what a call has changed since the call before."""
        after = {
            path: file.text if file is not None else None
            for path, file in changes.items()
            if file is None or file.text is not None
        }
        before = {
            path: self._texts[path] if path in self._texts else self._buffers.text(path) for path in after
        }
        self._texts |= after
        return diffs_of(self._root, before, after)
