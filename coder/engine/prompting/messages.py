"""Messages to a model without tools: the task, the latest code, the first failure."""

import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from coder.base.prompts import prompt
from coder.base.text.sanitize import count_of
from coder.context.quoting import fenced, shown_path
from coder.engine.prompting.files_shown import failing_now, files_shown, latest_plan, notes_shown
from coder.engine.prompting.history import history, history_budget
from coder.engine.prompting.reprompt import quoted, repair_of_edits
from coder.models.model import ChatMessage
from coder.run.attempts import is_rejection
from coder.run.message import AnswerMessage, CodeMessage, PlanMessage, outcomes_in
from coder.run.settings import Budget, EditFormat
from coder.run.state import State
from coder.run.target import Target
from coder.run.termination import join_names
from coder.source.shell import format_command

if TYPE_CHECKING:
    from coder.context.survey import Survey


def coder_view(
    state: State,
    target: Target,
    repaired: CodeMessage | None,
    *,
    survey: "Survey | None" = None,
    form: EditFormat = "whole",
    context: int | None = None,
) -> list[ChatMessage]:
    """Return the conversation that asks for code: a first attempt, or a repair of failed code."""
    whole_prompt = "coder" if target.is_python else "files"
    system = prompt(whole_prompt if form == "whole" else f"edit-{form}")
    if state.settings.chat:
        system = f"{system}\n\n{prompt('chat')}"
    request_text = task_words(state, target, survey, context=context, form=form)
    if form != "whole":
        request_text = f"{request_text.rstrip()}\n\n{_limits_note(state.spend.budget)}"
    messages = _conversation(system, state, request_text, context)
    outcome = next(iter(outcomes_in(reversed(state.progress.messages))), None)
    if repaired is not None and outcome is not None:
        feedback = outcome.feedback
        prompt_name = "rejected" if state.last is not None and is_rejection(state.last) else "repair"
        if form == "whole":
            is_single_file = target.is_python and repaired.changes.files.keys() <= {target.path}
            quote = "\n".join(_fenced(*file, target) for file in repaired.changes.files.items())
            request = prompt(prompt_name if is_single_file else f"{prompt_name}-files").format(
                feedback=feedback
            )
        else:
            quote = quoted(repaired.text)
            request = repair_of_edits(state, repaired, feedback, words=f"{prompt_name}-edits")
        messages += [ChatMessage(role="assistant", content=quote), ChatMessage(role="user", content=request)]
    return messages


def planner_view(
    state: State, target: Target, *, survey: "Survey | None" = None, context: int | None = None
) -> list[ChatMessage]:
    """Return the conversation that asks for a plan."""
    return _conversation(
        prompt("planner"), state, task_words(state, target, survey, context=context), context
    )


def _conversation(system: str, state: State, request_text: str, context: int | None) -> list[ChatMessage]:
    return [
        ChatMessage(role="system", content=system),
        *history(state, budget=history_budget(context)),
        ChatMessage(role="user", content=request_text, images=state.task.pictures),
    ]


def task_words(
    state: State, target: Target, survey: "Survey | None", *, context: int | None, form: EditFormat = "whole"
) -> str:
    """Return the request for a task: its text, files, tests, and how the tests fail now."""
    notes = notes_shown(state, target, survey, context) if state.files else ""
    file_texts = files_shown(state, target, survey, context)
    is_whole = form == "whole" and not state.settings.chat and target.is_known
    return prompt("task" if is_whole else "change").format(
        task=asked_words(state),
        plan=f"{plan_words(latest_plan(state))}{_team_words(state)}",
        files=f"\n{notes}\n{file_texts}" if notes or file_texts else "",
        tests=what_to_pass(state, context),
        asked=asked_for(target) if target.is_asked_for else _with_names("Write the code.", target),
    )


def calls_and_time(budget: Budget) -> str:
    """Return the limits of calls and time as a request states them."""
    minutes = max(1, round(budget.timeout / 60))
    return f"{count_of(budget.max_calls, 'answer')} and {count_of(minutes, 'minute')} in all"


def _limits_note(budget: Budget) -> str:
    """Return the limits of a model without tools, whose repairs are counted."""
    repairs = f"may be repaired {count_of(budget.repairs, 'time')}" if budget.repairs else "is not repaired"
    return f"Limits: {calls_and_time(budget)}; code that fails {repairs}."


def _team_words(state: State) -> str:
    """Return the team's messages since the Coder's latest answer."""
    if state.settings.team is None:
        return ""
    from coder.engine.prompting.thread import thread_words  # imported late: only teams need it

    words = thread_words(state, "coder", since=True)
    return f"\nYour team has said:\n{words}\n" if words else ""


def asked_words(state: State) -> str:
    """Return the task's prompt, with the model's questions and the user's answers."""
    pairs = pairwise(state.progress.messages)
    notes = [
        f"You asked:\n{question.text}\n\nThe answer:\n{answer.text}"
        for question, answer in pairs
        if isinstance(answer, AnswerMessage)
    ]
    return "\n\n".join([state.task.prompt.strip(), *notes])


def asked_for(target: Target) -> str:
    """Return the request to write the target's file, with the names that it must define."""
    return _with_names(f"Write the file `{target.path}`.", target)


def _with_names(instruction: str, target: Target) -> str:
    names = ", ".join(f"`{name}`" for name in target.names)
    return f"{instruction} It must define {names}." if names else instruction


def plan_words(message: PlanMessage | None) -> str:
    """Return the request to follow a plan; empty if there is none."""
    return f"\nFollow this plan:\n{message.text.strip()}\n" if message else ""


def what_to_pass(
    state: State,
    context: int | None,
    *,
    passing_note: str = "Before your answer they pass.",
    pending_note: str = "",
) -> str:
    """Return the checks that the answer must pass, and how they fail now.

    Args:
        passing_note: remark if the tests pass before the answer.
        pending_note: remark if their result isn't known yet.
    """
    parts = [_failing_text(state, context, passing_note, pending_note)]
    if state.task.test_command and state.target.writes_tests:
        command = format_command(state.task.test_command or ())
        parts.append(f"\nThere is no code and no test yet. Write both; `{command}` must pass.\n")
    parts += [f"\nIt must pass `{test.path}`:\n```python\n{test.text}```\n" for test in state.task.test_files]
    if state.task.checks:
        checks = "\n".join(check.strip() for check in state.task.checks)
        parts.append(f"\nIt must pass:\n```python\n{checks}\n```\n")
    return "".join(parts)


def late_baseline(state: State, context: int | None) -> str:
    """Return a report of the tests' result before the work, for a model that works already."""
    baseline = state.progress.baseline
    passing_count = sum(test.passed for test in baseline.tests) if baseline is not None else 0
    failing = failing_now(state, context)
    result_text = f"{passing_count:,} pass" if passing_count or failing else "they pass"
    result_text += ", and these fail:" if failing else "."
    flaky = (
        f"\nThese end differently on the same files: {join_names(baseline.flaky)}"
        if baseline is not None and baseline.flaky
        else ""
    )
    return f"The project's own tests, without your change: {result_text}\n{failing}".strip() + flaky


def _failing_text(state: State, context: int | None, passing_note: str, pending_note: str) -> str:
    """Return the test command, and its result before the work."""
    if state.task.test_command is None:
        return ""
    command = shown_path(shlex.join(state.task.test_command))
    if state.progress.baseline is None or state.progress.baseline.passed:
        is_pending = state.progress.baseline is None and state.files and not state.target.writes_tests
        remark = (
            f" {passing_note}"
            if state.progress.baseline is not None
            else f" {pending_note}"
            if is_pending and pending_note
            else ""
        )
        return f"\nThe tests are run by {command}.{remark}\n"
    failing = failing_now(state, context)
    introduction = (
        "It fails" if state.task.mends else f"The tests are run by {command}. Before your answer they fail"
    )
    return f"\n{introduction} like this:\n{fenced(failing)}\n" if failing else ""


def _fenced(path: str, text: str | None, target: Target) -> str:
    if text is None:
        return f"`{path}` is deleted."
    fenced = f"\n{text.rstrip()}\n```"
    return f"```python{fenced}" if path == target.path and target.is_python else f"`{path}`\n```{fenced}"
