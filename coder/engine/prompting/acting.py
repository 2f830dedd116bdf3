"""Messages to a model that works in a session: the first request, and the reports of verdicts."""

from typing import TYPE_CHECKING

from coder.base.prompts import prompt
from coder.context.quoting import shown_path
from coder.engine.prompting.files_shown import files_shown, latest_plan, notes_shown
from coder.engine.prompting.history import account, full_exchange, history, history_budget
from coder.engine.prompting.messages import asked_for, asked_words, calls_and_time, plan_words, what_to_pass
from coder.models.model import ChatMessage
from coder.run.attempts import answer_in_words
from coder.run.event_types import LONG_TESTS_S
from coder.run.message import HUMAN, OutcomeMessage
from coder.run.state import State
from coder.run.target import Target
from coder.run.termination import join_names, why_unverified
from coder.source.named_sources import named_sources
from coder.verify.time_limits import EXTRA_TEST_S, max_test_s
from coder.workspace.proposal import is_same

if TYPE_CHECKING:
    from coder.context.survey import Survey

_PENDING_NOTE = (
    "They still run on the files as they are; if you make calls, a later result says how they end."
)

_GIVEN_PROOF = "The failing tests are the proof."
_NEW_PROOF = (
    "Add at least one test, in a new test file, that runs and fails without your change, by an assertion or "
    "by an exception that the project's code causes, unless a test of the project already fails by it; an "
    "import that fails or a name that isn't there doesn't count."
)


def first_request(
    state: State,
    target: Target,
    survey: "Survey | None",
    *,
    context: int | None,
    python: str,
    plans: bool = False,
) -> list[ChatMessage]:
    """Return the first messages of a dialogue.

    Args:
        context: tokens of the model's context; None: unknown.
        python: a description of the sandbox's Python and its packages.
        plans: whether this is the Planner's dialogue.
    """
    words = _task(state, target, survey, context, python, plans)
    return [
        ChatMessage(role="system", content=system_words(state, in_text=False, plans=plans)),
        *history(state, budget=history_budget(context)),
        ChatMessage(role="user", content=words, images=state.task.pictures),
    ]


def next_request(state: State, *, context: int | None, is_reported: bool) -> ChatMessage:
    """Return the message for the user's next request in a dialogue.

    Args:
        is_reported: whether the dialogue already reports the previous outcome.
    """
    edited_note, is_reply = _edits_note(state), answer_in_words(_latest_step(state)) is not None
    is_red = state.progress.baseline is not None and not state.progress.baseline.passed
    parts = [
        "" if is_reported or is_reply else f"[{format_outcome(state)}]",
        *_answered_elsewhere(state),
        edited_note,
        asked_words(state),
        plan_words(latest_plan(state)),
        what_to_pass(state, context, passing_note="") if edited_note and is_red else "",
    ]
    words = "\n\n".join(text for part in parts if (text := part.strip()))
    return ChatMessage(role="user", content=words, images=state.task.pictures)


def format_outcome(state: State) -> str:
    """Return the outcome of the latest message in the dialogue, for the user's files and the session's."""
    latest_step = _latest_step(state)
    if state.dialogue.session.tree:
        return "Stopped by the user. What you have changed is kept here; none of it is written for them yet."
    if latest_step.progress.stopped is not None and latest_step.progress.stopped.status == "interrupted":
        return "Stopped by the user."
    outcome_text = account(latest_step, fully=False)
    return (
        f"{outcome_text} Your copy is as the user's files again."
        if latest_step.landing.refused is not None
        else outcome_text
    )


def _latest_step(state: State) -> State:
    """Return the state at the latest message that the dialogue holds."""
    unread = state.dialogue.unread
    return state.steps[-1 - (unread.steps if unread is not None else 0)]


def _answered_elsewhere(state: State) -> list[str]:
    """Return the user's later messages that another dialogue has answered, with their outcomes."""
    unread = state.dialogue.unread
    unread_steps = state.steps[-unread.steps :] if unread is not None and unread.steps else ()
    return [
        f"[Meanwhile, in another dialogue, the user said:]\n{request}\n[What came of it:]\n{outcome}"
        for request, outcome in map(full_exchange, unread_steps)
    ]


def _edits_note(state: State) -> str:
    """Return a note on files that the user has changed meanwhile, without changes refused or undone."""
    unread, current_files, previous_step = state.dialogue.unread, state.worked, state.steps[-1]
    earlier_files = unread.files if unread is not None else {}
    proposed_paths = {path for code in previous_step.codes for path in code.changes.texts}
    is_reported = previous_step.landing.taken_back or previous_step.landing.refused is not None
    paths = [
        path
        for path in {**earlier_files, **current_files}
        if not is_same(earlier_files.get(path), current_files.get(path))
        and not (is_reported and path in proposed_paths)
    ]
    return f"[The user has changed these files, here too: {join_names(paths)}]" if paths else ""


def system_words(state: State, *, in_text: bool, plans: bool = False) -> str:
    """Return the system prompt of a model that works in a session.

    Args:
        in_text: whether the model's endpoint takes no tools.
        plans: whether the model plans.
    """
    if plans:
        text = prompt("plan").format(how=prompt("plan-text" if in_text else "plan-tools"))
        return f"{text}\n{prompt('plan-chat')}" if state.settings.chat else text
    tool_prompt = prompt("act-text" if in_text else "act-tools")
    text = prompt("act").format(how=tool_prompt, proof=_GIVEN_PROOF if state.task.mends else _NEW_PROOF)
    return f"{text}\n{prompt('act-chat')}" if state.settings.chat else text


def _task(
    state: State, target: Target, survey: "Survey | None", context: int | None, python: str, plans: bool
) -> str:
    parts = [
        asked_words(state),
        plan_words(latest_plan(state)),
        notes_shown(state, target, survey, context),
        what_to_pass(state, context, passing_note=_passing_note(state), pending_note=_PENDING_NOTE),
        _limits_note(state),
        python,
        _readable_note(state),
        files_shown(state, target, survey, context, acts=True),
        "" if plans else _answer_request(state, target),
    ]
    return "\n\n".join(text for part in parts if (text := part.strip()))


def _passing_note(state: State) -> str:
    """Return the remark that the given tests pass without a change."""
    baseline = state.progress.baseline
    passing_count = sum(test.passed for test in baseline.tests) if baseline is not None else 0
    return prompt("act-green").format(passed=f"{passing_count:,}" if passing_count else "they")


def _limits_note(state: State) -> str:
    """Return the run's limits, in which commands and repairs count as answers."""
    tests = f" (tests that take {LONG_TESTS_S:g} s or more are not)" if state.task.test_command else ""
    return (
        f"Limits: {calls_and_time(state.spend.budget)}, commands and repairs included{tests}: "
        "what `done` finds failing may be repaired until they are reached."
    )


def _readable_note(state: State) -> str:
    """Return a note on further files that programs may read."""
    folders = [f"`/opt/shown/{name}` (the folder {name})" for name in state.settings.beside]
    paths = [*map(shown_path, state.settings.show), *folders]
    return f"Programs may read, and not change: {', '.join(paths)}." if paths else ""


def _answer_request(state: State, target: Target) -> str:
    """Return the instruction for the answer: a file with a fixed name, or a change of the files."""
    if target.path not in state.files and _needs_target_file(state, target):
        return asked_for(target)
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


def verdict_words(state: State) -> str | None:
    """Return the report of the model's last turn; None if there is none or the turn isn't over."""
    if state.progress.pending or state.last is None:
        return None
    if state.last.author == HUMAN:
        text = state.last.text or (state.outcome.feedback if state.outcome is not None else "")
        prefix = "[Nothing was written. Your change still stands here. The user says:]\n"
        return f"{prefix if isinstance(state.last, OutcomeMessage) else ''}{text}" if text else None
    outcome = state.outcome
    if outcome is None:
        return None
    code = state.codes[-1]
    if outcome.cause == "no_code":
        return prompt("nudge")
    if outcome.contradicts or (outcome.passed and code.changes.test_edits and not code.changes.files):
        contradicts = (
            f"it contradicts given tests, which fail as they were: {join_names(outcome.contradicts)}"
        )
        reason = contradicts if outcome.contradicts else why_unverified(state, outcome)
        return prompt("needs-word").format(
            why=reason, paths=", ".join(map(shown_path, code.changes.test_edits))
        )
    if not outcome.passed:
        missing_names = ", ".join(outcome.lacks) if outcome.cause == "missing_module" else ""
        install_hint = " where the tests' Python is" if state.settings.chat else " with `--install-with`"
        note = (
            "\n\n" + prompt("not-installed").format(names=missing_names, how=install_hint)
            if missing_names
            else ""
        )
        return prompt("not-done").format(feedback=outcome.feedback) + note
    left_out_paths = ", ".join(map(shown_path, [*code.changes.test_edits, *code.changes.left_out]))
    note = f"\nLeft out, as it decides what passes: {left_out_paths}." if left_out_paths else ""
    reason, most_s = why_unverified(state, outcome), f"{max_test_s(state):g}"
    return prompt("not-shown").format(why=reason, left=note, more_s=EXTRA_TEST_S, most_s=most_s)
