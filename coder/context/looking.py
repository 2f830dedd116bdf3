"""Looking: which files a prompt quotes in full, and when a repository is too large for that."""

from coder.context.cache import facts_folder
from coder.context.survey import Survey, take_survey
from coder.state import State
from coder.target import find_target
from coder.turn import Turn

FILE_BUDGET = 24_000
"""Characters of the user's files that are quoted; more drowns a small model and costs a large one."""
_LEAST_TOKENS, _USUAL_TOKENS, _MOST_TOKENS = 1_500, 10_000, 32_000
"""Of a survey: for a small context, for one that isn't known, for a large one."""
_OF_CONTEXT = 0.25
"""Share of a model's context that a survey may take; answers and failures need the rest."""


def texts_of(state: State) -> dict[str, str]:
    """The user's text files as the run read them."""
    return {path: stored.text for path, stored in state.files.items() if stored.text is not None}


def fits(state: State) -> bool:
    """Whether all of the user's text files can be quoted."""
    return sum(map(len, texts_of(state).values())) <= FILE_BUDGET


async def survey_of(turn: Turn) -> Survey | None:
    """What is shown of a repository that doesn't fit, chosen once in a run; None for one that fits."""
    state = turn.state
    if fits(state):
        return None
    if turn.bench.survey is None:
        turn.bench.survey = await take_survey(
            texts_of(state),
            prompt=state.task.prompt,
            target=find_target(state.task, state.files),
            budget=survey_budget(None),
            cache=facts_folder(),
        )
    return turn.bench.survey


def survey_budget(context: int | None) -> int:
    """Tokens of a survey for a model that can read so many, prompt and answer together; None is unknown."""
    if context is None:
        return _USUAL_TOKENS
    return max(_LEAST_TOKENS, min(int(context * _OF_CONTEXT), _MOST_TOKENS))
