"""Looking: which files a prompt quotes in full, and when a repository is too large for that."""

from typing import TYPE_CHECKING

from coder.context.secrecy import withheld
from coder.links import end_of
from coder.state import State
from coder.turn import Turn

if TYPE_CHECKING:
    from coder.context.survey import Survey

_SMALL = 8_192
"""Tokens of a context; a smaller one is shown less."""
FILE_BUDGET = 24_000
"""Characters of the user's files that are quoted; more drowns a small model and costs a large one."""


def texts_of(state: State) -> dict[str, str]:
    """The user's text files as the run read them, but for those that hold keys and weren't named."""
    hidden = withheld(state.files, asked=state.task.prompt, read=state.task.read)
    return {
        path: stored.text
        for path, stored in state.files.items()
        if stored.text is not None and hidden.isdisjoint((path, end_of(path, state.files)))
    }


def is_small(context: int | None) -> bool:
    """Whether a model reads so little that a few thousand characters more would crowd out its task."""
    return context is not None and context < _SMALL


def failing_now(state: State, context: int | None) -> str:
    """How the test command fails before the work; empty where it doesn't, or hasn't been run."""
    if state.baseline is None:
        return ""
    short = is_small(context) or not state.baseline.failures
    return (state.baseline.feedback if short else state.baseline.failures).strip()


def fits(state: State) -> bool:
    """Whether all of the user's text files can be quoted."""
    return sum(map(len, texts_of(state).values())) <= FILE_BUDGET


async def survey_of(turn: Turn) -> "Survey | None":
    """What is shown of a repository that doesn't fit, chosen once in a run; None for one that fits.

    Where nobody has looked around yet, and the model of this turn calls tools, it does so first.

    Raises:
        BudgetSpent: a call would go over a limit.
        ModelError: the model failed for good.
        SandboxError: the sandbox itself failed.
    """
    if fits(turn.state):
        return None
    kept = turn.bench.survey
    files = turn.state.files
    if kept is None or kept[0] is not files:  # the user may change files while a run goes on
        from coder.context.surveying import surveyed  # most folders fit, and load none of it

        kept = turn.bench.survey = files, await surveyed(turn, texts_of(turn.state))
    return kept[1]
