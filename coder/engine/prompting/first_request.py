"""The first messages of a dialogue, for every model: system prompt, earlier messages, task. Pure.

A model with tools is told about its sandbox; one without, about the form of its answer. Both read the same
parts.
"""

import json
from typing import TYPE_CHECKING, Literal

from coder.base.prompts import prompt
from coder.engine.prompting.files_shown import files_shown, latest_plan
from coder.engine.prompting.task_parts import (
    PENDING_NOTE,
    answer_request,
    asked_words,
    call_limits_note,
    current_target,
    file_request,
    passing_note,
    plan_words,
    readable_note,
    repair_limits_note,
    takes_code,
    team_words,
    unlanded_note,
    what_to_pass,
    with_names,
)
from coder.models.model import ChatMessage
from coder.run.extensions import Subagent
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.target import Target

if TYPE_CHECKING:
    from coder.context.survey import Survey

RequestForm = Literal["tools", "text"] | EditFormat
"""How a model works: by native tool calls, by calls in plain text, or, without a session, by edits."""

_GIVEN_PROOF = "The failing tests are the proof."
_NEW_PROOF = (
    "Add at least one test, in a new test file, that runs and fails without your change, by an assertion or "
    "by an exception that the project's code causes, unless a test of the project already fails by it; an "
    "import that fails or a name that isn't there doesn't count."
)
_OTHERS_PROOF = "Tests that you are not shown decide whether it is done."
_TESTS_APART = "Edits of existing test files are left out, for the user to decide on."
_DISCARDED = "What you change in the files is discarded: look, run, and report."
_TESTS_IN_PLACE = "Existing tests are run as they were, whatever you make of their files."


def first_request(
    state: State,
    target: Target,
    survey: "Survey | None",
    *,
    form: RequestForm,
    context: int | None,
    python: str = "",
    plans: bool = False,
) -> list[ChatMessage]:
    """Return the first messages of a dialogue.

    Args:
        form: how the model works.
        context: tokens of the model's context; None: unknown.
        python: a description of the sandbox's Python and its packages.
        plans: whether this is the Planner's dialogue.
    """
    if form == "tools" or form == "text":
        words = _session_task(state, target, survey, context, python, plans)
    else:
        words = task_words(state, target, survey, form=form, context=context)
        if note := unlanded_note(state):
            words = f"{words.rstrip()}\n\n{note}\n"
        if form != "whole" and not plans:
            words = f"{words.rstrip()}\n\n{repair_limits_note(state.spend.budget)}"
    return [
        ChatMessage(role="system", content=system_words(state, form, plans=plans)),
        *_earlier_steps(state, context),
        ChatMessage(role="user", content=words, images=state.task.pictures),
    ]


def _earlier_steps(state: State, context: int | None) -> list[ChatMessage]:
    """Return the run's earlier tasks as a dialogue."""
    if not state.steps:
        return []
    from coder.engine.prompting.history import (  # imported late: most runs have one task
        history,
        history_budget,
    )

    return history(state, budget=history_budget(context))


def system_words(state: State, form: RequestForm, *, plans: bool = False) -> str:
    """Return the system prompt of a model that works in this form.

    Args:
        plans: whether the model plans.
    """
    if form != "tools" and form != "text":
        if plans:
            return prompt("planner")
        whole_prompt = "coder" if takes_code(state, current_target(state)) else "files"
        text = prompt(whole_prompt if form == "whole" else f"edit-{form}")
        return f"{text}\n\n{prompt('chat')}" if state.settings.chat else text
    if state.settings.subagent is not None:
        return _subagent_words(state.settings.subagent, form)
    name = "plan" if plans else "act"
    proof = _GIVEN_PROOF if state.task.mends else _NEW_PROOF
    place, tests = "act-copy", _TESTS_APART
    if state.settings.in_place:
        place, tests = "act-in-place", _TESTS_IN_PLACE
    if state.task.answer_schema is not None:
        proof = f"Where the task asks for a change of the files: {proof}"
    if state.settings.judged_elsewhere:
        proof, place, tests = _OTHERS_PROOF, "act-judged", ""
    text = prompt(name).format(
        how=prompt(f"{name}-{form}"), proof=proof, place=prompt(place).strip(), tests=tests
    )
    if state.task.answer_schema is not None and not plans:
        schema = json.dumps(state.task.answer_schema, ensure_ascii=False)
        text += "\n" + prompt(f"answer-{form}").format(schema=schema)
    return f"{text}\n{prompt(f'{name}-chat')}" if state.settings.chat else text


def _subagent_words(subagent: Subagent, form: RequestForm) -> str:
    changes = "What you change in the files is taken over and tested." if subagent.writes else _DISCARDED
    return prompt("subagent").format(
        place=prompt("act-copy"),
        how=prompt(f"subagent-{form}"),
        changes=changes,
        name=subagent.name,
        origin="What the user has written" if subagent.is_own else f"The repository's {subagent.path}",
        body=subagent.prompt,
    )


def task_words(
    state: State, target: Target, survey: "Survey | None", *, form: EditFormat, context: int | None
) -> str:
    """Return the task for a model without tools: its text, files and tests, and how the tests fail now."""
    notes = _notes(state, target, survey, context)
    file_texts = files_shown(state, target, survey, context)
    is_whole = form == "whole" and not state.settings.chat and target.is_known
    return prompt("task" if is_whole else "change").format(
        task=asked_words(state),
        plan=f"{plan_words(latest_plan(state))}{team_words(state)}",
        files=f"\n{notes}\n{file_texts}" if notes or file_texts else "",
        tests=what_to_pass(state, context),
        asked=file_request(target) if target.is_asked_for else with_names("Write the code.", target),
    )


def _session_task(
    state: State, target: Target, survey: "Survey | None", context: int | None, python: str, plans: bool
) -> str:
    """Return the task for a model that works in a session."""
    is_subagent = state.settings.subagent is not None
    parts = [
        asked_words(state),
        plan_words(latest_plan(state)),
        _notes(state, target, survey, context),
        what_to_pass(state, context, passing_note=passing_note(state), pending_note=PENDING_NOTE),
        "" if is_subagent else call_limits_note(state),
        python,
        _skills(state),
        readable_note(state),
        unlanded_note(state),
        files_shown(state, target, survey, context, acts=True),
        "" if plans or is_subagent else answer_request(state, target),
    ]
    return "\n\n".join(text for part in parts if (text := part.strip()))


def _notes(state: State, target: Target, survey: "Survey | None", context: int | None) -> str:
    """Return the notes for agents, the user's own and a repository's; empty if there are none."""
    if not (state.files or state.settings.notes or state.inputs.notes_above):
        return ""
    from coder.engine.prompting.notes_shown import notes_shown  # imported late: a bare task has none

    return notes_shown(state, target, survey, context)


def _skills(state: State) -> str:
    """Return the list of skills; empty if there are none."""
    if not state.settings.skills and not any(path.endswith("/SKILL.md") for path in state.files):
        return ""
    from coder.engine.prompting.skills_shown import skills_shown  # imported late: few runs have skills

    return skills_shown(state)
