"""Looking: which files a prompt quotes in full, and when a repository is too large for that."""

from typing import TYPE_CHECKING

from coder.context.quoting import tokens
from coder.context.secrecy import withheld
from coder.run.state import State
from coder.run.target import find_target
from coder.source.named_sources import is_source
from coder.turn import Turn
from coder.workspace.overlay import end_of

if TYPE_CHECKING:
    from coder.context.survey import Survey

_SMALL = 8_192
"""Tokens of a context; a smaller one is shown less."""
FILE_BUDGET = 24_000
"""Characters of the user's files that are quoted to a small model; more drowns it."""
_UNKNOWN_TOKENS = 25_000
"""Of files that are quoted where nobody knows how much the model reads."""
_WHOLE = 8
"""Source files may take one in so many of the tokens that a model reads, to be shown in full."""
_CHARACTERS_A_TOKEN = 3
_BRIEF_TOKENS = 8_000
"""Of a survey for a model that can look for itself."""
_FENCE_TOKENS = 10
"""Of the lines around a file that is quoted."""
_LEAST_TOKENS, _MOST_TOKENS = 1_500, 32_000
"""Of a survey: for a small context, for a large one."""
_OF_CONTEXT = 0.25
"""Share of a model's context that a survey may take; answers and failures need the rest."""


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


def files_budget(context: int | None) -> int:
    """Characters of files that are quoted to a model that can read so many tokens; None is unknown."""
    most = _UNKNOWN_TOKENS if context is None else context // _WHOLE
    return max(FILE_BUDGET, most * _CHARACTERS_A_TOKEN)


def survey_budget(context: int | None) -> int:
    """Tokens of a survey for a model that can read so many, prompt and answer together; None is unknown."""
    if context is None:
        return _UNKNOWN_TOKENS
    return max(_LEAST_TOKENS, min(int(context * _OF_CONTEXT), _MOST_TOKENS))


def fits(state: State, context: int | None) -> bool:
    """Whether all of the user's source files can be quoted; to a small model, all text files."""
    texts = texts_of(state)
    sources = {} if is_small(context) else {path: text for path, text in texts.items() if is_source(path)}
    return sum(map(len, (sources or texts).values())) <= files_budget(context)


def brief_budget(context: int | None) -> int:
    """Tokens of a survey for a model that can look for itself; None is unknown."""
    return min(_BRIEF_TOKENS, survey_budget(context))


def whole_budget(context: int | None) -> int:
    """Tokens of source files that are all shown to a model that can look for itself; None is unknown."""
    return _UNKNOWN_TOKENS if context is None else max(context // _WHOLE, brief_budget(context))


def fits_whole(state: State, context: int | None) -> bool:
    """Whether all of the user's source files are shown to a model that can look for itself."""
    texts = texts_of(state)
    sources = [text for path, text in texts.items() if is_source(path)] or list(texts.values())
    return sum(tokens(text) + _FENCE_TOKENS for text in sources) <= whole_budget(context)


async def survey_of(turn: Turn, *, is_brief: bool = False) -> "Survey | None":
    """What is shown of a repository that doesn't fit, chosen once in a run; None for one that fits.

    Args:
        is_brief: for a model that can look for itself.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    state, context = turn.state, turn.abilities.context
    if fits_whole(state, context) if is_brief else fits(state, context):
        return None
    budget = brief_budget(context) if is_brief else survey_budget(context)
    kept = turn.bench.survey
    # The user may change files while a run goes on, and a planner is shown more than who acts.
    if kept is None or kept[0] is not state.files or kept[1] != budget:
        from coder.context.survey import take_survey  # most folders fit, and load none of it
        from coder.fs.disk_cache import facts_folder

        survey = await take_survey(
            texts_of(state),
            prompt="\n".join(filter(None, (state.task.prompt, failing_now(state, context)))),
            target=find_target(state.task, state.files),
            budget=budget,
            cache=facts_folder(),
            is_brief=is_brief,
        )
        kept = turn.bench.survey = state.files, budget, survey
    return kept[2]
