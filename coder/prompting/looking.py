"""What a model may be shown of the user's files, and how much: all source files, or a survey of them."""

from typing import TYPE_CHECKING

from coder.context.quoting import tokens
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import find_target
from coder.source.named_sources import is_source
from coder.turn import Turn
from coder.workspace.overlay import end_of

if TYPE_CHECKING:
    from coder.context.survey import Survey

_SMALL = 8_192
"""Tokens of a context; a smaller one is told less of failing tests."""
_UNKNOWN_TOKENS = 25_000
"""Of source files that are all shown where the model's context isn't known."""
_WHOLE = 8
"""Source files may take one in so many of the tokens that a model reads, to be shown in full."""
_SURVEY = 4
"""A survey may take one in so many, within these limits."""
_LEAST_TOKENS, _MOST_TOKENS = 1_500, 8_000
_FENCE_TOKENS = 10
"""Of the lines around a file that is quoted."""


def texts_of(state: State) -> dict[str, str]:
    """The user's text files as the run read them, but for those that hold keys and weren't named."""
    if not state.files:
        return {}
    from coder.context.secrecy import withheld

    hidden = withheld(state.files, asked=state.task.prompt, read=state.task.read)
    return {
        path: stored.text
        for path, stored in state.files.items()
        if stored.text is not None and hidden.isdisjoint((path, end_of(path, state.files)))
    }


def failing_now(state: State, context: int | None) -> str:
    """How the test command fails before the work; empty where it doesn't, or hasn't been run."""
    if state.baseline is None:
        return ""
    is_small = context is not None and context < _SMALL
    short = is_small or not state.baseline.failures
    return (state.baseline.feedback if short else state.baseline.failures).strip()


def latest_plan(state: State) -> Message | None:
    """The Planner's plan."""
    return next((message for message in reversed(state.messages) if message.author == "planner"), None)


def survey_budget(context: int | None) -> int:
    """Tokens of a survey for a model with this context; None is unknown."""
    return _MOST_TOKENS if context is None else max(_LEAST_TOKENS, min(context // _SURVEY, _MOST_TOKENS))


def whole_budget(context: int | None) -> int:
    """Tokens of source files that are all shown to a model with this context; None is unknown."""
    return _UNKNOWN_TOKENS if context is None else max(context // _WHOLE, survey_budget(context))


async def survey_of(turn: Turn) -> "Survey | None":
    """What is shown of a repository whose source files don't all fit; None for one that fits.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    state, context = turn.state, turn.abilities.context
    texts = texts_of(state)
    sources = [text for path, text in texts.items() if is_source(path)] or list(texts.values())
    if sum(tokens(text) + _FENCE_TOKENS for text in sources) <= whole_budget(context):
        return None
    plan = latest_plan(state)
    told = (state.task.prompt, plan.text if plan is not None else "", failing_now(state, context))
    prompt = "\n".join(filter(None, told))
    kept = turn.bench.survey
    if kept is None or kept[0] is not state.files or kept[1] != prompt:
        from coder.context.survey import take_survey  # most folders fit, and load none of it
        from coder.fs.disk_cache import facts_folder

        survey = await take_survey(
            texts,
            prompt=prompt,
            target=find_target(state.task, state.files),
            budget=survey_budget(context),
            cache=facts_folder(),
        )
        kept = turn.bench.survey = state.files, prompt, survey
    return kept[2]
