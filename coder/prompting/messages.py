"""View: what a model is shown of a run. Small on purpose: the task, the latest code, the first failure."""

import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from coder.context.quoting import fenced, shown_path
from coder.models.model import ChatMessage
from coder.prompting.asking import quoted, repair_of_edits
from coder.prompting.files_shown import files_shown, notes_shown
from coder.prompting.history import history, history_budget
from coder.prompting.looking import failing_now, latest_plan
from coder.prompts import prompt
from coder.run.attempts import Attempt, is_rejection
from coder.run.message import Message
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.target import Target, is_greenfield
from coder.source.shell import shown

if TYPE_CHECKING:
    from coder.context.survey import Survey

_PENDING = "They are being run on the files as they are; how they end comes with a later result."


def coder_view(
    state: State,
    target: Target,
    turn: Attempt,
    *,
    survey: "Survey | None" = None,
    form: EditFormat = "whole",
    context: int | None = None,
) -> list[ChatMessage]:
    """The conversation that asks for code: a first attempt, or a repair of the code that failed.

    Args:
        survey: what is shown of a repository that can't be quoted in full.
        form: the form in which changes are asked for.
        context: tokens that the model can read, where that is known.
    """
    whole = "coder" if target.is_python else "files"
    system = prompt(whole if form == "whole" else f"edit-{form}")
    if state.settings.chat:
        system = f"{system}\n\n{prompt('chat')}"
    messages = [
        ChatMessage(role="system", content=system),
        *history(state, budget=history_budget(context)),
        ChatMessage(
            role="user",
            content=task_words(state, target, survey, context=context, form=form),
            images=state.task.pictures,
        ),
    ]
    if turn.previous is not None and state.outcome is not None:
        said = state.outcome.feedback
        what = "rejected" if state.last is not None and is_rejection(state.last) else "repair"
        if form == "whole":
            is_one = target.is_python and turn.previous.files.keys() <= {target.path}
            shown = _fenced(turn.previous.files, target)
            asked = prompt(what if is_one else f"{what}-files").format(feedback=said)
        else:
            shown = quoted(turn.previous.text)
            asked = repair_of_edits(state, turn.previous, said, words=f"{what}-edits")
        messages += [
            ChatMessage(role="assistant", content=shown),
            ChatMessage(role="user", content=asked),
        ]
    return messages


def planner_view(
    state: State, target: Target, *, survey: "Survey | None" = None, context: int | None = None
) -> list[ChatMessage]:
    """The conversation that asks for a plan."""
    return [
        ChatMessage(role="system", content=prompt("planner")),
        *history(state, budget=history_budget(context)),
        ChatMessage(
            role="user",
            content=task_words(state, target, survey, context=context),
            images=state.task.pictures,
        ),
    ]


def task_words(
    state: State,
    target: Target,
    survey: "Survey | None",
    *,
    context: int | None,
    form: EditFormat = "whole",
) -> str:
    """The request for the task: its words, its files, what it has to pass and how that fails now."""
    plan = latest_plan(state)
    is_whole = form == "whole" and not state.settings.chat and target.is_known
    return prompt("task" if is_whole else "change").format(
        task=asked_words(state),
        plan=plan_words(plan),
        files=_files(state, target, survey, context),
        tests=what_to_pass(state, context),
        asked=_asked(target),
    )


def _files(state: State, target: Target, survey: "Survey | None", context: int | None) -> str:
    notes = notes_shown(state, target, survey, context) if state.files else ""
    shown = files_shown(state, target, survey, context)
    return f"\n{notes}\n{shown}" if notes or shown else ""


def asked_words(state: State) -> str:
    """The task, what the model has asked the user, and what the user has said."""
    pairs = pairwise(state.messages)
    told = [f"You asked:\n{q.text}\n\nThe answer:\n{a.text}" for q, a in pairs if a.kind == "answer"]
    return "\n\n".join([state.task.prompt.strip(), *told])


def _asked(target: Target) -> str:
    """Which file is asked for, and what it must define, as far as the task, its checks or tests say so."""
    return asked_for(target) if target.is_asked_for else _defining("Write the code.", target)


def asked_for(target: Target) -> str:
    """The file, and what it must define."""
    return _defining(f"Write the file `{target.path}`.", target)


def _defining(what: str, target: Target) -> str:
    names = ", ".join(f"`{name}`" for name in target.names)
    return f"{what} It must define {names}." if names else what


def plan_words(message: Message | None) -> str:
    """The plan that is to be followed."""
    return f"\nFollow this plan:\n{message.text.strip()}\n" if message else ""


def what_to_pass(state: State, context: int | None, *, green: str = "Before your answer they pass.") -> str:
    """What the answer has to pass, and how that fails now.

    Args:
        green: the remark about tests that pass before the work.
    """
    parts = [_fails_now(state, context, green)]
    if is_greenfield(state.task, state.files):
        command = shown(state.task.test_command or ())
        parts.append(f"\nThere is no code and no test yet. Write both; `{command}` must pass.\n")
    parts += [f"\nIt must pass `{test.path}`:\n```python\n{test.text}```\n" for test in state.task.test_files]
    if state.task.checks:
        checks = "\n".join(check.strip() for check in state.task.checks)
        parts.append(f"\nIt must pass:\n```python\n{checks}\n```\n")
    return "".join(parts)


def late_baseline(state: State, context: int | None) -> str:
    """How the tests ended before the work, told in the middle of it."""
    how = "pass" if state.baseline is not None and state.baseline.passed else "fail like this"
    return f"Run on the files as they were, the tests {how}.\n{failing_now(state, context)}".strip()


def _fails_now(state: State, context: int | None, green: str) -> str:
    """The test command, and how it ends before the work."""
    if state.task.test_command is None:
        return ""
    command = shown_path(shlex.join(state.task.test_command))
    if state.baseline is None or state.baseline.passed:
        now = f" {green}" if state.baseline is not None else _unknown(state)
        return f"\nThe tests are run by {command}.{now}\n"
    failing = failing_now(state, context)
    what = "It fails" if state.task.mends else f"The tests are run by {command}. Before your answer they fail"
    return f"\n{what} like this:\n{fenced(failing)}\n" if failing else ""


def _unknown(state: State) -> str:
    return f" {_PENDING}" if state.files and not is_greenfield(state.task, state.files) else ""


def _fenced(files: Mapping[str, str | None], target: Target) -> str:
    return "\n".join(_one_fenced(path, text, target) for path, text in files.items())


def _one_fenced(path: str, text: str | None, target: Target) -> str:
    if text is None:
        return f"`{path}` is deleted."
    fenced = f"\n{text.rstrip()}\n```"
    return f"```python{fenced}" if path == target.path and target.is_python else f"`{path}`\n```{fenced}"
