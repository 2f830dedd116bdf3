"""Messages to a model that works in a session: the first request, and the words about verdicts."""

from typing import TYPE_CHECKING

from coder.base.prompts import prompt
from coder.context.quoting import shown_path
from coder.engine.prompting.files_shown import files_shown, latest_plan, notes_shown
from coder.engine.prompting.history import account, history, history_budget, told_whole
from coder.engine.prompting.messages import asked_for, asked_words, calls_and_time, plan_words, what_to_pass
from coder.models.model import ChatMessage
from coder.run.attempts import answer_in_words
from coder.run.event_types import LONG_TESTS_S
from coder.run.message import HUMAN, OutcomeMessage
from coder.run.state import State
from coder.run.target import Target
from coder.run.termination import join_names, why_unverified
from coder.source.named_sources import named_sources
from coder.verify.time_limits import MORE_S, most_test_s
from coder.workspace.proposal import is_same

if TYPE_CHECKING:
    from coder.context.survey import Survey

_PENDING = "They still run on the files as they are; if you make calls, a later result says how they end."

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
    """The messages that a dialogue begins with.

    Args:
        python: names the sandbox's Python and its packages.
        plans: the dialogue is the Planner's.
    """
    words = _task(state, target, survey, context, python, plans)
    return [
        ChatMessage(role="system", content=system_words(state, in_text=False, plans=plans)),
        *history(state, budget=history_budget(context)),
        ChatMessage(role="user", content=words, images=state.task.pictures),
    ]


def next_request(state: State, *, context: int | None, is_reported: bool) -> ChatMessage:
    """A further message of the user in a dialogue; `told`: the previous outcome was reported already."""
    edited, is_reply = _edited(state), answer_in_words(_latest_heard(state)) is not None
    is_red = state.progress.baseline is not None and not state.progress.baseline.passed
    parts = [
        "" if is_reported or is_reply else f"[{format_outcome(state)}]",
        *_answered_elsewhere(state),
        edited,
        asked_words(state),
        plan_words(latest_plan(state)),
        what_to_pass(state, context, green="") if edited and is_red else "",
    ]
    words = "\n\n".join(text for part in parts if (text := part.strip()))
    return ChatMessage(role="user", content=words, images=state.task.pictures)


def format_outcome(state: State) -> str:
    """The result of the latest message that the dialogue holds, for the user's files and the session's."""
    before = _latest_heard(state)
    if state.dialogue.session.tree:
        return "Stopped by the user. What you have changed is kept here; none of it is written for them yet."
    if before.progress.stopped is not None and before.progress.stopped.status == "interrupted":
        return "Stopped by the user."
    came = account(before, fully=False)
    return f"{came} Your copy is as the user's files again." if before.landing.refused is not None else came


def _latest_heard(state: State) -> State:
    """The step of the latest message that the dialogue holds."""
    unread = state.dialogue.unread
    return state.steps[-1 - (unread.steps if unread is not None else 0)]


def _answered_elsewhere(state: State) -> list[str]:
    """The user's messages since, which another dialogue has answered, and what came of them."""
    unread = state.dialogue.unread
    missed = state.steps[-unread.steps :] if unread is not None and unread.steps else ()
    return [
        f"[Meanwhile, in another dialogue, the user said:]\n{words}\n[What came of it:]\n{came}"
        for words, came in map(told_whole, missed)
    ]


def _edited(state: State) -> str:
    """The user's own changes since, without a change that they refused or took back."""
    unread, now, before = state.dialogue.unread, state.worked, state.steps[-1]
    earlier = unread.files if unread is not None else {}
    own = {path for code in before.codes for path in code.changes.texts}
    is_told = before.landing.taken_back or before.landing.refused is not None
    paths = [
        path
        for path in {**earlier, **now}
        if not is_same(earlier.get(path), now.get(path)) and not (is_told and path in own)
    ]
    return f"[The user has changed these files, here too: {join_names(paths)}]" if paths else ""


def system_words(state: State, *, in_text: bool, plans: bool = False) -> str:
    """The system prompt of a model that acts.

    Args:
        in_text: its endpoint takes no tools.
        plans: it is the Planner's.
    """
    if plans:
        words = prompt("plan").format(how=prompt("plan-text" if in_text else "plan-tools"))
        return f"{words}\n{prompt('plan-chat')}" if state.settings.chat else words
    how = prompt("act-text" if in_text else "act-tools")
    words = prompt("act").format(how=how, proof=_GIVEN_PROOF if state.task.mends else _NEW_PROOF)
    return f"{words}\n{prompt('act-chat')}" if state.settings.chat else words


def _task(
    state: State, target: Target, survey: "Survey | None", context: int | None, python: str, plans: bool
) -> str:
    parts = [
        asked_words(state),
        plan_words(latest_plan(state)),
        notes_shown(state, target, survey, context),
        what_to_pass(state, context, green=_green(state), pending=_PENDING),
        _limits(state),
        python,
        _shown(state),
        files_shown(state, target, survey, context, acts=True),
        "" if plans else _wanted(state, target),
    ]
    return "\n\n".join(text for part in parts if (text := part.strip()))


def _green(state: State) -> str:
    """The remark that the given tests pass without a change."""
    baseline = state.progress.baseline
    passed = sum(test.passed for test in baseline.tests) if baseline is not None else 0
    return prompt("act-green").format(passed=f"{passed:,}" if passed else "they")


def _limits(state: State) -> str:
    """The limits of the run, which count the repairs of a model that acts as answers."""
    tests = f" (tests that take {LONG_TESTS_S:g} s or more are not)" if state.task.test_command else ""
    return (
        f"Limits: {calls_and_time(state.spend.budget)}, commands and repairs included{tests}: "
        "what `done` finds failing may be repaired until they are reached."
    )


def _shown(state: State) -> str:
    """What programs may read besides, by name."""
    beside = [f"`/opt/shown/{name}` (the folder {name})" for name in state.settings.beside]
    paths = [*map(shown_path, state.settings.show), *beside]
    return f"Programs may read, and not change: {', '.join(paths)}." if paths else ""


def _wanted(state: State, target: Target) -> str:
    """What the answer is to be: a file that has to have this name, or a change of the files."""
    if target.path not in state.files and _needs_its_file(state, target):
        return asked_for(target)
    if state.settings.chat:
        return ""
    return "Change the files so that the task is done." if state.files else "Write what the task asks for."


def _needs_its_file(state: State, target: Target) -> bool:
    """Whether a file of the target's name is to be written: one of another name would not do."""
    task = state.task
    if target.path in named_sources(task.prompt, [target.path]):
        return True
    if task.workspace is None or not state.files:
        return not target.writes_tests
    modules = {path.partition("/")[0].removesuffix(".py") for path in state.files}
    return bool(task.checks) and not modules.issuperset(target.names)  # no file defines these names


def verdict_words(state: State) -> str | None:
    """The result of the model's last turn; None where there is none, or the turn isn't over."""
    if state.progress.pending or state.last is None:
        return None
    if state.last.author == HUMAN:
        text = state.last.text or (state.outcome.feedback if state.outcome is not None else "")
        stands = "[Nothing was written. Your change still stands here. The user says:]\n"
        return f"{stands if isinstance(state.last, OutcomeMessage) else ''}{text}" if text else None
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
        why = contradicts if outcome.contradicts else why_unverified(state, outcome)
        return prompt("needs-word").format(why=why, paths=", ".join(map(shown_path, code.changes.test_edits)))
    if not outcome.passed:
        lacks = ", ".join(outcome.lacks) if outcome.cause == "missing_module" else ""
        how = " where the tests' Python is" if state.settings.chat else " with `--install-with`"
        note = "\n\n" + prompt("not-installed").format(names=lacks, how=how) if lacks else ""
        return prompt("not-done").format(feedback=outcome.feedback) + note
    skipped = ", ".join(map(shown_path, [*code.changes.test_edits, *code.changes.left_out]))
    note = f"\nLeft out, as it decides what passes: {skipped}." if skipped else ""
    why, most_s = why_unverified(state, outcome), f"{most_test_s(state):g}"
    return prompt("not-shown").format(why=why, left=note, more_s=MORE_S, most_s=most_s)
