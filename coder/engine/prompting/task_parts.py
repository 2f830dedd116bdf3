"""The parts of a request: task, target, plan, checks, limits, and the answer asked for. Pure."""

import shlex
from itertools import pairwise

from coder.base.prompts import prompt
from coder.base.text.sanitize import count_of
from coder.config.permission_rules import denied_edits
from coder.context.quoting import fenced, shown_path
from coder.edits.edit import FileBlocks
from coder.engine.prompting.files_shown import failing_now
from coder.run.event_types import LONG_TESTS_S
from coder.run.message import AnswerMessage, PlanMessage
from coder.run.settings import Budget
from coder.run.state import State
from coder.run.submodules import submodules
from coder.run.target import Target, is_test
from coder.run.verdict_words import join_names
from coder.source.named_sources import named_sources
from coder.source.shell import format_command

PENDING_NOTE = "They still run on the files as they are; if you make calls, a later result says how they end."
"""The remark on tests whose result isn't known when a model that makes calls is first asked."""


def asked_words(state: State) -> str:
    """Return the prompt, with questions of the model, answers of the user, and what was said meanwhile."""
    pairs = pairwise(state.progress.messages)
    notes = [
        f"You asked:\n{question.text}\n\nThe answer:\n{answer.text}"
        for question, answer in pairs
        if isinstance(answer, AnswerMessage)
    ]
    messages = [f"The user has said while you worked:\n{text}" for text in state.inputs.remarks]
    return "\n\n".join([state.task.prompt.strip(), *hook_notes(state.inputs.context), *notes, *messages])


def hook_notes(context: str, *, of_repository: bool = False) -> list[str]:
    """Return what hooks add to a task, as data for the model; empty if there is nothing."""
    source = "hooks of the repository, which the user hasn't written" if of_repository else "hooks"
    return [f"[From {source}, as context:\n{context.strip()}]"] if context.strip() else []


def plan_words(message: PlanMessage | None) -> str:
    """Return the request to follow a plan; empty if there is none."""
    return f"\nFollow this plan:\n{message.text.strip()}\n" if message else ""


def team_words(state: State) -> str:
    """Return the team's messages since the Coder's latest answer."""
    if state.settings.team is None:
        return ""
    from coder.engine.prompting.thread import thread_words  # imported late: only teams need it

    words = thread_words(state, "coder", since=True)
    return f"\nYour team has said:\n{words}\n" if words else ""


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
    """Return a report of the baseline, for a model that was asked before the baseline ended."""
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
    report = f"The project's own tests, without your change: {result_text}\n{failing}".strip()
    return f"{report}{flaky}\n{lessons_note(state)}".rstrip()


def passing_note(state: State) -> str:
    """Return the remark that the given tests pass without a change."""
    baseline = state.progress.baseline
    passing_count = sum(test.passed for test in baseline.tests) if baseline is not None else 0
    return prompt("act-green").format(passed=f"{passing_count:,}" if passing_count else "they")


def repair_limits_note(budget: Budget) -> str:
    """Return the limits of a model without tools, whose repairs are counted."""
    repairs = f"may be repaired {count_of(budget.repairs, 'time')}" if budget.repairs else "is not repaired"
    return f"Limits: {_calls_and_time(budget)}; code that fails {repairs}."


def call_limits_note(state: State) -> str:
    """Return the run's limits, in which commands and repairs count as answers."""
    tests = f" (tests that take {LONG_TESTS_S:g} s or more are not)" if state.task.test_command else ""
    if state.settings.judged_elsewhere:
        return (
            f"Limits: {_calls_and_time(state.spend.budget)}, commands included. Your first `done` is final."
        )
    return (
        f"Limits: {_calls_and_time(state.spend.budget)}, commands and repairs included{tests}: "
        "what `done` finds failing may be repaired until they are reached."
    )


def _calls_and_time(budget: Budget) -> str:
    """Return the limits of calls and time as a request states them."""
    minutes = max(1, round(budget.timeout / 60))
    return f"{count_of(budget.max_calls, 'answer')} and {count_of(minutes, 'minute')} in all"


def readable_note(state: State) -> str:
    """Return a note on further files that programs may read, and on secrets that they may send."""
    folders = [f"`/opt/shown/{name}` (the folder {name})" for name in state.settings.beside]
    paths = [*map(shown_path, state.settings.show), *folders]
    readable = [f"Programs may read, and not change: {', '.join(paths)}."] if paths else []
    secrets = [
        f"`{name}` for {host}" for name, _, host in (row.partition("@") for row in state.settings.secret)
    ]
    if secrets:
        readable.append(
            f"Variables with a placeholder of a secret: {', '.join(secrets)}. Send it by HTTPS in a "
            "header field for credentials, such as Authorization or X-API-Key: its value takes its place "
            "in requests to that host alone."
        )
    return "\n".join(readable)


def unlanded_note(state: State) -> str:
    """Return a note on files of which no change lands: by rules of permission, or in submodules; or ""."""
    folders = ", ".join(map(shown_path, submodules(state.files)))
    rules = state.settings.rules
    globs = ", ".join(shown_path(glob) for glob in denied_edits(rules)) if rules is not None else ""
    notes = [
        f"Rules of permission deny changes of these files, so none of them lands: {globs}." if globs else "",
        f"Submodules are other repositories, so no change in them lands: {folders}." if folders else "",
    ]
    return "\n".join(filter(None, notes))


def file_blocks(state: State, *, acts: bool) -> FileBlocks:
    """Return which fenced blocks of an answer are whole files.

    In a folder, a block may be an excerpt that an explanation quotes.

    Args:
        acts: whether the model works by tools.
    """
    if state.task.workspace is None or state.settings.edit_format == "whole":
        return "all"
    return "none" if acts else "below_path"


def takes_code(state: State, target: Target) -> bool:
    """Return whether one block of Python, without a path, is the answer of a model without tools."""
    return target.is_python and file_blocks(state, acts=False) == "all"


def file_request(target: Target) -> str:
    """Return the request to write the target's file, with the names that it must define."""
    return with_names(f"Write the file `{target.path}`.", target)


def with_names(instruction: str, target: Target) -> str:
    """Return an instruction, followed by the names that the target must define."""
    names = ", ".join(f"`{name}`" for name in target.names)
    return f"{instruction} It must define {names}." if names else instruction


def answer_request(state: State, target: Target) -> str:
    """Return the instruction for the answer: a file with a fixed name, or a change of the files."""
    if state.settings.judged_elsewhere or state.task.answer_schema is not None:
        return "Do what the task asks for."
    if target.path not in state.files and _needs_target_file(state, target):
        return file_request(target)
    if state.settings.chat:
        return ""
    return "Change the files so that the task is done." if state.files else "Write what the task asks for."


def _needs_target_file(state: State, target: Target) -> bool:
    """Return whether the answer must write a file with exactly the target's name."""
    task = state.task
    if target.path in named_sources(task.prompt, [target.path]):
        return True
    if task.workspace is None or not state.files:
        return not target.writes_tests
    modules = {path.partition("/")[0].removesuffix(".py") for path in state.files}
    return bool(task.checks) and not modules.issuperset(
        target.names
    )  # no file of the folder defines these names


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
        "It fails"
        if state.task.mends and not state.task.found
        else f"The tests are run by {command}. Before your answer they fail"
    )
    return f"\n{introduction} like this:\n{fenced(failing)}\n{lessons_note(state)}" if failing else ""


def lessons_note(state: State) -> str:
    """Return a note on how earlier runs fixed similar failures, marked as data; empty if there are none."""
    baseline = state.progress.baseline
    if baseline is None or not baseline.lessons:
        return ""
    lines = "\n".join(baseline.lessons)
    return f"\n[Earlier runs in this folder, as data that may be out of date:\n{lines}]\n"


def current_target(state: State) -> Target:
    """Return the default target of code; in a conversation, the file that was changed last."""
    target = state.target
    if not state.settings.chat or target.path in state.files:
        return target
    written_paths = (path for step in reversed(state.steps) for path in step.landing.written)
    candidates = [path for path in written_paths if path in state.files]
    if not candidates:
        sources = [path for path in state.files if path.endswith(".py") and not is_test(path)]
        candidates = sources if len(sources) == 1 else []
    return target.model_copy(update={"path": candidates[0]}) if candidates else target
