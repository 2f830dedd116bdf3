"""Query a run's state: its answers and outcomes, the best code, and the code to repair."""

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import pairwise

from pydantic import JsonValue

from coder.run.conversation import before_talk, codes_since_rejected, is_rejection, since_rejection
from coder.run.message import CodeMessage, Outcome, ReplyMessage, outcome_in, outcomes_in
from coder.run.state import State

ATTEMPTS = "attempts"
"""The participant that makes attempts, each in a separate run, and chooses one."""


def code_to_repair(state: State) -> CodeMessage | None:
    """Return the code that the next answer repairs; None for a first answer or without new code."""
    latest_code = state.codes[-1] if state.codes else None
    if latest_code is None or not latest_code.changes.files:
        return None
    is_rejected = state.last is not None and is_rejection(state.last)
    return latest_code if is_rejected or not latest_code.repeats else None


def most_repeated(*states: State) -> int:
    """Return how often the most frequent answer was given in these runs."""
    answers = (message for state in states for message in state.progress.messages)
    counts = Counter(
        _identity(message) if isinstance(message, CodeMessage) else _code_identity({}, message.text)
        for message in answers
        if isinstance(message, CodeMessage | ReplyMessage)
    )
    return max(counts.values(), default=0)


def is_repeat(state: State, files: Mapping[str, str | None], text: str) -> bool:
    """Whether an equal answer was given before: equal code, or equal words if it has no code.

    What came before the change that the user wants otherwise is no repetition: they may want that one back.
    """
    identity, parent = _code_identity(files, text), state.progress.parent
    is_known = parent is not None and digest(identity) in parent.earlier
    return is_known or any(_identity(code) == identity for code in codes_since_rejected(state))


def digests_of(states: Iterable[State]) -> tuple[str, ...]:
    """Return the distinct digests of all answers in these runs."""
    return tuple(dict.fromkeys(digest(_identity(code)) for state in states for code in state.codes))


def digest(text: str) -> str:
    """Return the SHA-256 of a text in hex."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def tried(state: State) -> list[tuple[CodeMessage, Outcome]]:
    """Return every code that was run, with its outcome, since the user's last rejection."""
    return [
        (code, outcome)
        for code, next_message in pairwise(since_rejection(state))
        if isinstance(code, CodeMessage)
        and code.is_change
        and (outcome := outcome_in(next_message)) is not None
    ]


def decisive_outcome(state: State) -> Outcome | None:
    """Return the latest outcome that passed, or else the latest; rejected changes don't count."""
    messages = since_rejection(before_talk(state))
    outcomes = outcomes_in(reversed(messages))
    return next((outcome for outcome in outcomes if outcome.passed), outcomes[0] if outcomes else None)


def made_again(state: State) -> tuple[str, ...]:
    """Return the new files of the best code that the test command makes by itself."""
    outcome = decisive_outcome(state)
    return outcome.made_again if outcome is not None else ()


def best_code(state: State) -> CodeMessage | None:
    """Return the latest of the best codes; passing counts first, then the number of passed checks."""

    def rank(pair: tuple[CodeMessage, Outcome]) -> tuple[bool, bool, int]:
        outcome = pair[1]
        return outcome.passed, bool(outcome.contradicts), sum(line.passed for line in outcome.checks)

    if pairs := tried(state):
        return max(reversed(pairs), key=rank)[0]
    codes = (code for code in reversed(since_rejection(state)) if isinstance(code, CodeMessage))
    return next((code for code in codes if code.is_change and not code.repeats), None)


def _identity(message: CodeMessage) -> str:
    return _code_identity(message.changes.texts, message.text)


def _code_identity(files: Mapping[str, str | None], text: str) -> str:
    if not files:
        return "text:" + text.strip()
    return "\0".join(
        f"{path}\0\0" if content is None else f"{path}\0{content.strip()}"
        for path, content in sorted(files.items())
    )


def shows_done(state: State, outcome: Outcome) -> bool:
    """Whether a passed outcome shows that the task is done; new tests that pass may not be enough."""
    is_tested = outcome.verified in ("tests", "checks", "examples")
    return is_tested or (outcome.verified == "reproduced" and state.settings.require is None)


def find_answer_of(state: State) -> tuple[JsonValue, str | None]:
    """Return the answer of a task with a schema, and the reason if there is none (else an empty string).

    Both are None for a task without a schema.
    """
    if state.task.answer_schema is None:
        return None, None
    from coder.run.answer import find_answer  # imported late: few tasks have a schema

    is_reply = isinstance(state.last, ReplyMessage)
    message = state.last if is_reply else best_code(state) or next(reversed(state.codes), None)
    return find_answer(state.task.answer_schema, message.text if message is not None else "")
