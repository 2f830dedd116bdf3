"""Surveying: choose what is shown of a repository that doesn't fit into a prompt."""

from coder.bodies import Looked
from coder.context.cache import facts_folder
from coder.context.looking import failing_now
from coder.context.quoting import fenced
from coder.context.scouting import look_around, read_lines
from coder.context.survey import Survey, take_survey
from coder.prompts import prompt
from coder.target import find_target
from coder.turn import Turn

_LEAST_TOKENS, _USUAL_TOKENS, _MOST_TOKENS = 1_500, 10_000, 32_000
"""Of a survey: for a small context, for one that isn't known, for a large one."""
_OF_CONTEXT = 0.25
"""Share of a model's context that a survey may take; answers and failures need the rest."""
_LOOKED = 2
"""What was looked at may take one in so many of a survey's tokens, beside it."""


async def surveyed(turn: Turn, texts: dict[str, str]) -> Survey:
    """What is shown of these files; the model of this turn looks around first, where it can and none has.

    Raises:
        BudgetSpent: a call would go over a limit.
        ModelError: the model failed for good.
        SandboxError: the sandbox itself failed.
    """
    state = turn.state
    budget = survey_budget(turn.abilities.context)
    target = find_target(state.task, state.files)
    failing = failing_now(state, turn.abilities.context)
    asked_for = "\n".join(text for text in (state.task.prompt, failing) if text)
    survey = await take_survey(texts, prompt=asked_for, target=target, budget=budget, cache=facts_folder())
    if state.looked is None and turn.abilities.tools:
        asked = prompt("look").format(
            task=state.task.prompt.strip(), count=len(state.files), files=survey.files, map=fenced(survey.map)
        )
        looked = read_lines(await look_around(turn, asked, texts))
        await turn.journal.append(Looked(lines=looked))
    return survey.with_looked(turn.state.looked or {}, texts, budget=budget // _LOOKED)


def survey_budget(context: int | None) -> int:
    """Tokens of a survey for a model that can read so many, prompt and answer together; None is unknown."""
    if context is None:
        return _USUAL_TOKENS
    return max(_LEAST_TOKENS, min(int(context * _OF_CONTEXT), _MOST_TOKENS))
