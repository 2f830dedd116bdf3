"""Scouting: before its first edit in a large repository, a model looks around with tools that only read."""

from coder.context.excerpts import Range
from coder.context.looktools import TOOLS, LookTools
from coder.errors import ModelRefused
from coder.models.model import ChatMessage, Form, Sampling
from coder.prompts import prompt
from coder.turn import Turn
from coder.workspace.read import content

MOST_STEPS = 4
"""Calls of the model, each of which may call several tools."""
_SHARE_OF_CALLS = 3
"""One in so many of the calls that are left may be spent on looking."""
_CALLS_A_STEP = 8
"""Of tools, answered in one step."""
_ANSWER_TOKENS = 1_000


async def look_around(turn: Turn, asked: str, texts: dict[str, str]) -> dict[str, list[Range]]:
    """Let the model look around, and say which lines it read, by path.

    Args:
        asked: the task with what is known of the repository, as the model sees it.
        texts: text of each file by path.

    Raises:
        BudgetSpent: a call would go over a limit.
        ModelError: the model failed for good.
        SandboxError: the sandbox itself failed.
    """
    state = turn.state
    # Answers that the log holds were counted when they were given: a turn that is taken again looks as far.
    steps = min(MOST_STEPS, (state.budget.calls - state.calls + len(state.pending)) // _SHARE_OF_CALLS)
    if steps < 1:
        return {}
    sandbox = await turn.bench.candidate()
    await sandbox.lay({path: content(stored) for path, stored in state.files.items()})
    tools = LookTools(texts, sandbox)
    messages = [
        ChatMessage(role="system", content=prompt("scout").format(steps=steps)),
        ChatMessage(role="user", content=asked),
    ]
    sampling = Sampling(temperature=0.0, seed=state.settings.seed, max_tokens=_ANSWER_TOKENS)
    for _ in range(steps):
        try:
            answer = await turn.answer(messages, sampling=sampling, form=Form(tools=TOOLS))
        except ModelRefused:
            break  # of a model that, whatever the catalogue says, takes no tools
        if not answer.tool_calls:
            break
        calls = answer.tool_calls[:_CALLS_A_STEP]
        messages.append(ChatMessage(role="assistant", content=answer.text, tool_calls=calls))
        for call in calls:
            said = await tools.answer(call)
            messages.append(ChatMessage(role="tool", content=said, tool_call_id=call.id))
    return tools.read


def read_lines(looked: dict[str, list[Range]]) -> dict[str, tuple[Range, ...]]:
    """What was read, as the log keeps it: each range once."""
    return {path: tuple(dict.fromkeys(found)) for path, found in looked.items()}
