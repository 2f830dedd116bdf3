"""Ask the model for the message of a commit or a pull request, in a separate logged call."""

import re
from collections.abc import Iterator, Mapping

from coder.base.errors import ModelError, Refused
from coder.base.prompts import prompt
from coder.base.text.guards import guards_for
from coder.base.text.sanitize import one_line, printable
from coder.context.quoting import fenced
from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.transcript import steps_of
from coder.engine.turn.logged_calls import BudgetSpent
from coder.engine.turn.turn import logged_calls
from coder.environment.run_policy import redactor_for
from coder.models.model import ChatMessage
from coder.run.message import HUMAN
from coder.run.state import State
from coder.tools.shortened import shortened
from coder.workspace.overlay import shown_files
from coder.workspace.read import read_workspace

AUTHOR = "committer"
SUBJECT_CHARACTERS = 72
"""Longest first line in characters."""
_MAX_TOKENS = 4_096
"""Token limit of an answer, including reasoning."""
_QUOTED_MESSAGES = 6
"""Number of quoted messages of the conversation, which explain the change."""
_MESSAGE_CHARACTERS = 2_000
"""Longest quote of one message in characters."""
_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)


async def write_message(
    session: ChatSession, kind: str, texts_by_title: Mapping[str, str], *, wish: str = ""
) -> str | None:
    """Ask the model for a first line and a body about texts; None if it fails, or before the first message.

    Args:
        kind: name of the prompt.
        texts_by_title: texts by title.
        wish: the user's request for the message.
    """
    if not session.has_begun:
        return None
    files = read_workspace(session.task, lands=False).files
    redactor = redactor_for(files, shown_files(session.task.workspace, session.settings.show))
    parts = [
        f"{name}:\n{fenced(shortened(text.strip()))}" for name, text in texts_by_title.items() if text.strip()
    ]
    sections = [
        prompt(kind).strip(),
        *parts,
        *([f"The user wants of the message: {wish}"] if wish else []),
    ]
    calls = logged_calls(session.model, AUTHOR, session.journal, redactor, guards_for())
    try:
        messages = calls.clean_messages([ChatMessage(role="user", content="\n\n".join(sections))])
        answer = await calls.call(messages, session.settings.sampling(most=_MAX_TOKENS))
    except (ModelError, Refused, BudgetSpent):
        return None
    text = answer.text.strip()
    return clean_message(match[1] if (match := _FENCE.fullmatch(text)) else text) or None


def clean_message(text: str) -> str:
    """Return a message with a first line of limited length, and without terminal control characters."""
    first_line, _, body = printable(text).strip().partition("\n")
    return f"{one_line(first_line, width=SUBJECT_CHARACTERS).rstrip('.')}\n\n{body.strip()}".strip()


def latest_words(state: State) -> str:
    """Return the latest messages of the user and the model."""
    return "\n\n".join(list(_quotes(state))[-_QUOTED_MESSAGES:])


def _quotes(state: State) -> Iterator[str]:
    for step in steps_of(state):
        yield f"User: {step.task.prompt[:_MESSAGE_CHARACTERS]}"
        spoken = (
            message.text
            for message in reversed(step.progress.messages)
            if message.author != HUMAN and message.text.strip()
        )
        if text := next(spoken, ""):
            yield f"Model: {text[:_MESSAGE_CHARACTERS]}"
