"""Wording: the model writes the message of a commit or a pull request, in a logged call of its own."""

import re
from collections.abc import Iterator, Mapping

from coder.base.errors import ModelError
from coder.base.prompts import prompt
from coder.base.text.sanitize import one_line, printable
from coder.context.quoting import fenced
from coder.engine.turn.logged_calls import BudgetSpent, LoggedCalls
from coder.environment.run_policy import redactor_for
from coder.models.model import ChatMessage
from coder.people.chat.chat_session import ChatSession
from coder.people.chat.transcript import steps_of
from coder.run.message import HUMAN
from coder.run.state import State
from coder.tools.shortened import shortened
from coder.workspace.overlay import shown_files
from coder.workspace.read import read_workspace

AUTHOR = "committer"
SUBJECT = 72
"""Characters of a first line."""
_LONGEST = 4_096
"""Tokens of an answer, reasoning included."""
_MESSAGES = 6
"""The latest of the conversation, which say why."""
_LONG = 2_000
"""Characters of one of them."""
_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)


async def worded(session: ChatSession, kind: str, quoted: Mapping[str, str], *, wish: str = "") -> str | None:
    """Ask the model for a first line and a body about texts; None if it fails, or nothing was said yet.

    Args:
        kind: name of the prompt.
        quoted: texts by name.
        wish: the user's wish for the result.
    """
    if not session.begun:
        return None
    files = read_workspace(session.task, lands=False).files
    redactor = redactor_for(files, shown_files(session.task.workspace, session.settings.show))
    parts = [f"{name}:\n{fenced(shortened(text.strip()))}" for name, text in quoted.items() if text.strip()]
    sections = [
        prompt(kind).strip(),
        *parts,
        *([f"The user wants of the message: {wish}"] if wish else []),
    ]
    calls = LoggedCalls(AUTHOR, journal=session.journal, redactor=redactor)
    sent = calls.redacted([ChatMessage(role="user", content="\n\n".join(sections))])
    try:
        answer = await calls.call(session.model, sent, session.settings.sampling(most=_LONGEST))
    except (ModelError, BudgetSpent):
        return None
    text = answer.text.strip()
    return tidied(match[1] if (match := _FENCE.fullmatch(text)) else text) or None


def tidied(text: str) -> str:
    """A message with a first line that isn't too long, and nothing that a terminal would take for orders."""
    first, _, body = printable(text).strip().partition("\n")
    return f"{one_line(first, width=SUBJECT).rstrip('.')}\n\n{body.strip()}".strip()


def latest_words(state: State) -> str:
    """What was said last: the user's words, and the model's."""
    return "\n\n".join(list(_said(state))[-_MESSAGES:])


def _said(state: State) -> Iterator[str]:
    for step in steps_of(state):
        yield f"User: {step.task.prompt[:_LONG]}"
        spoken = (
            one.text for one in reversed(step.progress.messages) if one.author != HUMAN and one.text.strip()
        )
        if text := next(spoken, ""):
            yield f"Model: {text[:_LONG]}"
