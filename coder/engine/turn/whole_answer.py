"""Ask for an answer in text: a request that is too long is shortened, a truncated answer is continued."""

from collections.abc import Sequence

from coder.base.errors import ContextTooLong
from coder.base.prompts import prompt
from coder.base.text.thoughts import without_thoughts
from coder.engine.turn.logged_calls import request_key
from coder.engine.turn.turn import Turn
from coder.models.abilities import DEFAULT_RESERVATION, EMBEDDED
from coder.models.model import ChatMessage, Sampling
from coder.models.tokens import shorten_longest
from coder.run.event_types import CallAnswered

MAX_SHRINKS = 4
MAX_CONTINUATIONS = 2
MAX_CHARACTERS_PER_TOKEN = 16
"""Upper bound for plausible answers: a longer answer comes from an endpoint that ignores the limit."""


async def ask_whole_answer(turn: Turn, messages: Sequence[ChatMessage], *, sampling: Sampling) -> str:
    """Return the model's answer to a conversation, or the logged answer.

    A conversation that is too long for the model is shortened; a truncated answer is continued.

    Raises:
        BudgetSpent: the call would exceed a limit.
        ModelError: the model failed, also after retries.
    """
    request = turn.calls.clean_messages(messages)
    for _ in range(MAX_SHRINKS):
        try:
            return await _whole_answer(turn, request, sampling)
        except ContextTooLong:
            shorter = shorten_longest(request)
            if shorter is None:
                raise
            request = shorter
    return await _whole_answer(turn, request, sampling)


async def _whole_answer(turn: Turn, request: list[ChatMessage], sampling: Sampling) -> str:
    """Return the text of an answer, continued if it was truncated."""
    if _is_known_as_too_long(turn, request, sampling):
        raise ContextTooLong("an earlier start of this turn has found out")
    answer = await turn.answer(request, sampling=sampling)
    text = answer.text
    for _ in range(MAX_CONTINUATIONS):
        if not _can_go_on(turn, answer, sampling):
            break
        messages = [
            *request,
            ChatMessage(role="assistant", content=text),
            ChatMessage(role="user", content=prompt("continue").strip()),
        ]
        answer = await turn.calls.call(messages, sampling, is_part=True)
        text += answer.text
    return without_thoughts(text)


def _can_go_on(turn: Turn, answer: CallAnswered, sampling: Sampling) -> bool:
    """Return whether an answer was cut off at the token limit and its model can continue it."""
    # The embedded model only reaches its limit when it repeats itself.
    is_weak = turn.model.name == f"local/{EMBEDDED}"
    max_characters = MAX_CHARACTERS_PER_TOKEN * (sampling.max_tokens or DEFAULT_RESERVATION)
    return answer.finish == "length" and 0 < len(answer.text.strip()) <= max_characters and not is_weak


def _is_known_as_too_long(turn: Turn, request: list[ChatMessage], sampling: Sampling) -> bool:
    """Whether the log holds an answer to a shorter form of this request."""
    if not turn.calls.stored:
        return False
    shorter = shorten_longest(request)
    key = request_key(shorter, sampling) if shorter is not None else None
    return any(answer.key == key for answer in turn.calls.stored)
