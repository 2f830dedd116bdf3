"""Surveying: choose what is shown of a repository that doesn't fit into a prompt."""

from coder.context.quoting import fenced
from coder.context.survey import Survey, take_survey
from coder.fs.disk_cache import facts_folder
from coder.prompting.scouting import look_around, read_lines
from coder.prompts import prompt
from coder.run.event_types import Looked
from coder.run.target import find_target
from coder.turn import Turn

_LOOKED = 2
"""What was looked at may take one in so many of a survey's tokens, beside it."""


async def surveyed(turn: Turn, texts: dict[str, str], *, failing: str, budget: int) -> Survey:
    """What is shown of these files; the model of this turn looks around first, where it can and none has.

    Args:
        failing: how the test command fails now.
        budget: tokens of the survey.

    Raises:
        BudgetSpent: a call would go over a limit.
        ModelError: the model failed for good.
        SandboxError: the sandbox itself failed.
    """
    state = turn.state
    target = find_target(state.task, state.files)
    asked_for = "\n".join(text for text in (state.task.prompt, failing) if text)
    survey = await take_survey(texts, prompt=asked_for, target=target, budget=budget, cache=facts_folder())
    if state.looked is None and turn.abilities.tools:
        asked = prompt("look").format(
            task=state.task.prompt.strip(), count=len(state.files), files=survey.files, map=fenced(survey.map)
        )
        looked = read_lines(await look_around(turn, asked, texts))
        await turn.journal.append(Looked(lines=looked))
    return survey.with_looked(turn.state.looked or {}, texts, budget=budget // _LOOKED)
