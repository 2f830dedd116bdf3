"""The watch of a run for an MCP client: it reports progress, and asks the client's user.

A run never waits for a form: it ends as `waiting`, and continues with the answer. Until protocol 2025-11-25
the server requests the form; from 2026-07-28 on the form ends the call, which is sent again with the answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.mcpserver import Context
from mcp_types import ElicitRequestFormParams, ElicitResult

from coder.base.text.sanitize import one_line, printable, visible
from coder.run.event_types import ToolCalled, parse
from coder.run.events import Event
from coder.run.questions import Decision, Question, Waits
from coder.show import client_watch
from coder.show.render import progress, tool_call

_FORM_CHARACTERS = 8_000
"""Longest form in characters; a client may cut a longer one."""
_MOST_SILENT_S = 10.0
"""Longest time without progress, in seconds: some clients end a request after a minute of silence."""
_ELSEWHERE = "answer in the terminal, by coder approve, or in the browser"


class McpClientWatch(client_watch.ClientWatch):
    """Watch and Decider of one MCP request."""

    def __init__(self, context: Context[Any, Any], token: str | None = None) -> None:
        self._token = token
        self._session, self._request = context.session, context.request_id
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._line_count = 0

    @property
    def name(self) -> str:
        """The name of the token, or the client's name."""
        if self._token is not None:
            return self._token
        params = self._session.client_params
        return one_line(params.client_info.name, width=60) if params is not None else "an MCP client"

    @property
    def can_elicit(self) -> bool:
        """Whether the client can show a form to its user."""
        capabilities = self._session.client_capabilities
        form = capabilities.elicitation if capabilities is not None else None
        return form is not None and (form.form is not None or form.url is None)

    def event(self, event: Event) -> None:
        """Report an event as a line, if it has one; the run's id comes first."""
        if self.run_id is None:
            self.note(f"run {event.run}")
        super().event(event)
        body = parse(event)
        if body is None:
            return
        line = tool_call(body) if isinstance(body, ToolCalled) else progress(body)
        if line is not None:
            self.note(line.strip())

    def note(self, text: str) -> None:
        """Queue a line."""
        self._lines.put_nowait(text)

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Context manager that sends lines as progress of the request, and the remaining ones on exit.

        Without a line for ten seconds, as while a model thinks, the client hears that the run goes on.
        """
        telling = asyncio.create_task(self._tell())
        try:
            yield
            self._lines.put_nowait(None)
            await telling
        finally:
            telling.cancel()

    async def _tell(self) -> None:
        silent_s = 0.0
        while True:
            try:
                # The first line names the run.
                line = await asyncio.wait_for(self._lines.get(), _MOST_SILENT_S if self._line_count else None)
                silent_s = 0.0
            except TimeoutError:
                silent_s += _MOST_SILENT_S
                line = f"… still working, {silent_s:.0f} s after the last line"
            if line is None:
                return
            self._line_count += 1
            await self._session.report_progress(self._line_count, None, line)

    def is_there(self, question: Question) -> bool:
        """Return whether the client's user can be asked."""
        return self.can_elicit

    async def decide(self, question: Question) -> Decision:
        """Make the run wait for an answer. Raises Waits."""
        raise Waits(question.text)

    async def show(self, question: Question) -> ElicitResult | None:
        """Show a form in the client and return its result; None if the form must end the call."""
        if not self._session.can_send_request:
            return None
        form = form_of(question)
        result: ElicitResult = await self._session.elicit_form(
            form.message, form.requested_schema, self._request
        )
        return result

    def answer_of(self, question: Question, result: ElicitResult) -> Decision | None:
        """Return the answer of a form; None if the form was dismissed or left empty."""
        content = result.content or {} if result.action == "accept" else {}
        words = str(content.get("words") or "").strip()
        choice = _choices(question).get(str(content.get("decision")), "")
        decision = self.decision(question, "no" if result.action == "decline" else choice, words)
        return decision if decision.decision or (words and question.kind != "approve") else None

    def decision(self, question: Question, choice: str, words: str) -> Decision:
        """Return the client's answer to a question: a choice, or words."""
        decision = Decision(decision=choice, words=words)
        if question.kind != "approve":
            decision = question.worded(words or (choice if choice in question.options else ""))
        return decision.model_copy(update={"who": self.name, "how": "mcp"})


def form_of(question: Question) -> ElicitRequestFormParams:
    """Return the form of a question, without control characters."""
    message = _message(question)
    if len(message) > _FORM_CHARACTERS:
        message = (
            f"{message[:_FORM_CHARACTERS]}\n[{len(message) - _FORM_CHARACTERS} more characters: {_ELSEWHERE}]"
        )
    hint = "With a no: what should be different." if question.kind == "approve" else "Or in words."
    fields: dict[str, Any] = {"words": {"type": "string", "description": hint}}
    if choices := _choices(question):
        fields = {"decision": {"type": "string", "enum": [*choices]}, **fields}
    required = {"approve": ["decision"], "choose": [], "text": ["words"]}[question.kind]
    schema = {"type": "object", "properties": fields, "required": required}
    return ElicitRequestFormParams(message=message, requested_schema=schema)


def _message(question: Question) -> str:
    words = [printable(part.strip()) for part in (question.note, question.text) if part]
    return "\n\n".join([*words, *([visible(question.patch.strip())] if question.patch else [])])


def _choices(question: Question) -> dict[str, str]:
    """Return the choices of a question by their labels; "no" alone if it is too long to be shown in full."""
    if question.kind == "approve":
        words = ("yes", "no", *question.options) if len(_message(question)) <= _FORM_CHARACTERS else ("no",)
        return {word: word for word in words}
    return {one_line(option): option for option in question.options}
