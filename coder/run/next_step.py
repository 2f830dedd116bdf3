"""The state of a run with several tasks, such as a chat: at the next task, and with an earlier one undone."""

from coder.run import event_types
from coder.run.records import inputs
from coder.run.records.dialogue import Dialogue
from coder.run.records.landing import Landing
from coder.run.records.progress import Progress
from coder.run.records.questions import Questions
from coder.run.state import State, replace


def next_step(state: State, body: event_types.StepStarted) -> State:
    """Return the run's state at a further task: without messages, with the usage so far."""
    old_dialogue = state.dialogue
    new_dialogue = Dialogue(
        callers=old_dialogue.callers,
        is_untold=old_dialogue.is_untold,
        cleared_steps=old_dialogue.cleared_steps,
    )
    if (old_dialogue.messages or old_dialogue.others) and body.settings.may_act:
        new_dialogue = old_dialogue.at_next_step(state.worked, state.open_work)
    return replace(
        state,
        task=body.task,
        settings=body.settings,
        model=body.model,
        spend=replace(state.spend, budget=body.settings.budget, tool_calls=0, exhausted=None),
        inputs=inputs.at_next_step(state.inputs, body),
        steps=(*state.steps, replace(state, steps=())),
        progress=Progress(seq=state.progress.seq, time=state.progress.time, origin=state.progress.origin),
        dialogue=new_dialogue,
        landing=Landing(),
        questions=Questions(granted=state.questions.granted),
    )


def mark_undone(steps: tuple[State, ...], index: int) -> tuple[State, ...]:
    """Return the earlier tasks with the changes of one marked as undone."""
    landing = replace(steps[index].landing, taken_back=True)
    return (*steps[:index], replace(steps[index], landing=landing), *steps[index + 1 :])
