"""Text for the screen: a line for each notable event, and a few lines for the verdict. Functions of data."""

import json
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from coder.base.text.failure_lines import last_line, telling_line
from coder.base.text.sanitize import count_of, one_line, printable
from coder.run import event_types
from coder.run.extensions import hook_failure
from coder.run.found_tests import FoundTests
from coder.run.message import AnswerMessage, CheckLine, CodeMessage, Outcome, OutcomeMessage, PlanMessage
from coder.run.run import Other, Run
from coder.run.stored_file import listed
from coder.run.submodules import submodules
from coder.run.use_tests import PASSES
from coder.run.verdict_words import join_names, mended_words
from coder.show.advice import left_out, next_steps
from coder.source.shell import format_command
from coder.workspace.diff import diff_stat

SIGNS: dict[str, str] = {
    "solved": "✓",
    "finished": "✓",
    "answered": "✓",
    "unverified": "?",
    "waiting": "?",
    "interrupted": "!",
}
FAILED_SIGN = "✗"
_PATCHED = re.compile(r"\*{3} (?:Update|Add|Delete) File: (.+?)\\n")  # in a call's arguments, JSON
_MAX_OTHERS = 3
"""Number of lines for attempts that were not chosen."""
_QUESTION_LINES = 40
"""Longest question of the model in lines."""


def progress(body: event_types.Body) -> str | None:
    """Return the line of one event; None if the event has no line."""
    match body:
        case event_types.Spoken():
            return _message_line(body)
        case event_types.RunStarted() if body.root is not None:
            return _start_line(body)
        case event_types.TestsDropped(found=found, reason=reason) if reason == PASSES:
            return f"  · {_found_tests(found)}; they pass, so those of another folder are run"
        case event_types.TestsDropped(found=found, reason=reason):
            return f"  ! {_found_tests(found)}; they can't be run: {one_line(reason, width=300)}"
        case event_types.BaselineTaken():
            return _baseline_line(body)
        case event_types.CallRetried(wait_s=0):
            return f"  ! {one_line(body.reason, width=300)}; asking again"
        case event_types.CallRetried():
            wait = f"asking again in {body.wait_s:.1f} s (try {body.attempt + 1})"
            return f"  · {one_line(body.reason)}; {wait}"
        case event_types.CodeCalled():
            return f"  · a program calls {body.name}({one_line(body.arguments)})"
        case event_types.CallSwitched():
            return f"  · {one_line(f'{body.model}: {body.reason}')}; {body.next} is asked instead"
        case event_types.ContextFolded(in_text=True):
            return f"  ! {one_line(body.reason, width=300)} Its calls are read from its text from now on"
        case event_types.BudgetReached():
            return f"  · {one_line(body.text)}"
        case event_types.LandingRefused():
            return f"  ! not written: {one_line(body.reason)}"
        case event_types.FilesChanged():
            names = one_line(join_names(body.paths))
            return f"  · {names} changed in your folder meanwhile; it is tried again"
        case event_types.CommitMade(commit=commit, branch=branch, left_out=left_out):
            place = one_line(branch) if branch else "the detached HEAD"
            rest = one_line(" ".join(left_out.values()), width=300)
            return f"  ✓ commit {commit[:12]} on {place}{f'; not in it: {rest}' if rest else ''}"
        case event_types.CommitRefused():
            return f"  ! not committed: {one_line(body.reason, width=300)}"
        case event_types.FileUndone(path=path, left=left):
            if left is not None:
                return f"  ! {one_line(path)} is left as it is: {one_line(left)}"
            return f"  ✓ {one_line(path)} is as it was before"
        case event_types.QuestionAnswered(how="approve" | "mcp" | "library"):
            return f"  · {one_line(body.who) or 'a program'} answered: {one_line(body.answer_text)}"
        case event_types.MessagesTaken(ids=[_, *_]):  # what was typed here is on the screen already
            return f"  · message: {one_line(body.text)}"
        case event_types.RunResumed() if not body.model:
            return "  · continues"
        case event_types.RunResumed():
            return f"  · continues: {who_answers(body)}"
        case event_types.RunOrigin():
            return f"  · {body.words}"
        case event_types.AttemptStarted(delegation=event_types.Delegation() as delegation):
            return f"  · {delegation.subagent} begins as {body.run}"
        case event_types.AttemptEnded(delegation=event_types.Delegation() as delegation):
            cost = money(float(body.cost_usd) if body.cost_known else None)
            return f"  · {delegation.subagent} has ended: {count_of(body.calls, 'call')}, {cost}"
        case event_types.HookFailed(needs=program) if program:
            return (
                f"  ! the repository's hooks that need {one_line(program)} don't run, as the sandbox lacks "
                "it: install it where the sandbox sees it, such as /usr/local/bin or .venv"
            )
        case event_types.HookFailed():
            return f"  ! {hook_failure(body.event, body.command, body.reason)}"
        case event_types.TextsEmbedded(error=error) if error:
            return f"  ! {body.model} embeds no more: {one_line(error)}; documents are searched by words"
        case event_types.TextsEmbedded():
            return f"  · {body.model} has embedded {count_of(body.texts, 'text')}"
        case event_types.FlowStepEnded():
            return _step_line(body)
        case event_types.AttemptChosen() if body.attempt:
            return f"  · attempt {body.attempt} is chosen: {one_line(body.text)}"
        case _:
            return None


def _start_line(body: event_types.RunStarted) -> str | None:
    """Return the line that says what a run works on; None in a chat."""
    if body.settings.chat:
        return None
    folder = folder_name(body.root or "")
    count = count_of(len(body.files or listed(body.listing)), "file")
    apart = join_names(submodules(body.files))
    left_alone = f"; changes of submodules don't land: {apart}" if apart else ""
    return f"  · works {'in' if body.settings.in_place else 'on a copy of'} {folder}, {count}{left_alone}"


def folder_name(path: str) -> str:
    """Return the path of a folder as a line shows it, from the home folder on."""
    return one_line(re.sub(rf"^{re.escape(str(Path.home()))}(?=/|$)", "~", path), width=200)


def _found_tests(found: FoundTests | None) -> str:
    """Name a test command that was found, and where."""
    if found is None:
        return "tests were found in the folder"
    forgets = ", which --no-test forgets" if found.is_given else ""
    return f"tests: {one_line(format_command(found.argv), width=200)}, from {one_line(found.place)}{forgets}"


def who_answers(body: event_types.RunStarted | event_types.RunResumed) -> str:
    """Return the answering model, and the sandbox if it is open."""
    sandbox = f"; programs run in {body.sandbox}" if body.sandbox else ""
    return f"{one_line(body.model)} answers{sandbox}"


def _step_line(body: event_types.FlowStepEnded) -> str | None:
    """Format the line of a flow's step; a step that takes no time, such as flow.now, has none."""
    name = f"{body.position}  {one_line(body.name, width=80)}"
    if body.error is not None:
        return f"  {FAILED_SIGN} {name}: {one_line(f'{body.error.type}: {body.error.message}')}"
    return f"  ✓ {name}  [{body.seconds:.1f} s]" if body.seconds else None


def _message_line(body: event_types.Spoken) -> str | None:
    """Format the line of a participant's message."""
    match message := body.message:
        case CodeMessage(author="human"):
            return "  · your version is tried"
        case OutcomeMessage(author="human") | AnswerMessage():
            return f"  · you said: {one_line(message.text)}"
        case OutcomeMessage(outcome=outcome):
            return _outcome_line(outcome)
        case CodeMessage(repeats=True, is_change=True):
            return "  · the code stays as it was tried"
        case CodeMessage(repeats=True):
            return f"  {FAILED_SIGN} again without a change"
        case PlanMessage():
            steps = [line for line in message.text.splitlines() if line.strip()]
            return f"  · plan  {count_of(len(steps), 'line')}: {one_line(steps[0]) if steps else 'empty'}"
        case _:
            return None


def verdict(run: Run) -> str:
    """Return the line that says how a run has ended."""
    return "  ".join(part for part in (_status_text(run), _reason_text(run), _usage(run)) if part)


def ending(run: Run) -> list[str]:
    """Return the lines that end a run: details, the next step, and the verdict last."""
    return [*details(run), f"  next     {next_steps(run)}", verdict(run)]


def unsolved(run: Run) -> str | None:
    """Return a warning for a reader of the patch if the run didn't solve its task, else None."""
    if run.exit_code == 0:
        return None
    failed_check = "" if run.status == "error" else _first_failed(run.tests)
    reason = "; ".join(filter(None, [failed_check, one_line(run.reason.partition("\n")[0], width=300)]))
    return f"{_status_text(run)}  the patch is of {run.run_id}, which ended so: {reason}"


def details(run: Run) -> list[str]:
    """Return the lines about the end of a run, except its verdict."""
    lines: list[str] = []
    if run.error is not None:
        lines += [f"  {one_line(line, width=1_000)}" for line in run.error.splitlines()[:3]]
    if run.status == "waiting":
        lines += [f"  {line}".rstrip() for line in printable(run.reason).splitlines()[:_QUESTION_LINES]]
    is_named = run.mended > 0 or run.status in ("solved", "unverified")
    if not is_named and (failed_check := _first_failed(run.tests)):
        lines.append(f"  failed   {failed_check}")
    if run.patch and (run.landed or run.status in ("solved", "unverified")):
        lines.append(f"  {'changed' if run.landed else 'diff   '}  {diff_stat(run.patch)}")
    if run.summary and run.status in ("solved", "unverified"):
        lines.append(f"  summary  {one_line(run.summary, width=300)}")
    if run.ordered:
        names = one_line(", ".join(run.ordered), width=300)
        lines.append(f"  tests    the task changes what these tests expect: {names}")
    lines += [f"  left out {one_line(text, width=300)}" for text in left_out(run)]
    lines += [f"  other    {_other_attempt(attempt)}" for attempt in run.others[:_MAX_OTHERS]]
    remaining_count = len(run.others) - _MAX_OTHERS
    return (
        [*lines, f"  other    {count_of(remaining_count, 'more attempt')}"] if remaining_count > 0 else lines
    )


def _other_attempt(attempt: Other) -> str:
    verdict = f" by {attempt.verified}" if attempt.status == "solved" else ""
    lines = count_of(attempt.lines, "line")
    return f"{attempt.run_id} {attempt.status}{verdict}, {lines}, {money(attempt.cost)}"


def tool_line(called: event_types.ToolCalled, answered: event_types.ToolAnswered) -> str:
    """Return the line of a finished tool call: the command, the file or the plan, and how it ended."""
    if called.name == "plan":
        from coder.run.plan import plan_of

        if (plan := plan_of(called.arguments)) is not None:
            return plan.block
    if answered.refused:
        reason = telling_line(answered.text.strip("[]")).removeprefix("error: ")
        return f"  ! {tool_call(called)}  refused: {one_line(reason, width=300)}"
    code = "" if answered.exit_code is None else f"exit {answered.exit_code}, "
    return f"  · {tool_call(called)}  [{code}{answered.seconds:.1f} s]"


def is_refused(answered: event_types.ToolAnswered) -> bool:
    """Return whether an answer without an executed call is of a refused call, other than `done`."""
    if not (answered.failed and answered.id):
        return False
    from coder.tools.registry import DONE  # imported late: most runs have no such call

    return answered.name != DONE.name


def refused_line(answered: event_types.ToolAnswered) -> str:
    """Return the line of a call that wasn't made, such as a call that a hook has blocked."""
    return f"  ! {answered.name}: {one_line(answered.text.strip().strip('[]'), width=300)}"


def tool_call(called: event_types.ToolCalled) -> str:
    """Return a tool call as one line: the command, or the file."""
    arguments = _arguments(called)
    text = next(
        (str(arguments[name]) for name in ("command", "path") if arguments.get(name)), called.arguments
    )
    return one_line(f"{called.name}  {', '.join(edited_paths(called)) or text}")


def edited_paths(called: event_types.ToolCalled) -> list[str]:
    """Return the paths that a call of `edit` names; none for another tool."""
    if called.name != "edit":
        return []
    path = _arguments(called).get("path")
    return _PATCHED.findall(called.arguments) or ([path] if isinstance(path, str) and path else [])


def _arguments(called: event_types.ToolCalled) -> dict[str, Any]:
    try:
        arguments = json.loads(called.arguments)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _baseline_line(baseline: event_types.BaselineTaken) -> str | None:
    """Return the results before the work, with the command that was found.

    None if all or none of the tests of a given command failed, or if the line was shown before.
    """
    if baseline.is_repeat:
        return f"  · before  flaky: {', '.join(baseline.flaky[:3])}" if baseline.flaky else None
    red, count = sum(not test.passed for test in baseline.tests), len(baseline.tests)
    parts = [_result_counts(baseline, red)] if baseline.found is not None or 0 < red < count else []
    if baseline.is_cut:
        failing = f"{red} of the {count} tests that ran fail" if red else f"{count} tests ran"
        parts = [f"stopped after {baseline.seconds:.0f} s by --test-timeout; {failing}"]
        if baseline.endless:
            parts = [f"{baseline.endless} doesn't end, and was stopped; {failing}"]
    parts += [f"flaky: {', '.join(baseline.flaky[:3])}"] if baseline.flaky else []
    missing = ", ".join(baseline.missing[:3])
    parts += [f"not installed: {missing} (--install or --install-with CMD installs)"] if missing else []
    if baseline.ignored:
        flags = " ".join(f"--show {name}.py" for name in baseline.ignored[:3])
        parts += [f"not in the sandbox, as git ignores it: {', '.join(baseline.ignored[:3])} ({flags})"]
    if baseline.offline:
        parts += [f"not counted, as the network is missing: {join_names(baseline.offline)} (--network HOST)"]
    if baseline.unserved:
        parts += [f"no service answers to {join_names(baseline.unserved)}, so another failure must be mended"]
    sources = ", ".join(baseline.sources[:3])
    parts += [f"put on PYTHONPATH, as it isn't installed: {sources}"] if sources else []
    head = "before  " if baseline.found is None else f"{_found_tests(baseline.found)}; "
    return f"  · {head}{one_line('; '.join(parts), width=500)}" if parts else None


def _result_counts(baseline: event_types.BaselineTaken, red: int) -> str:
    """Count the tests that pass and fail; a command that names no tests passes or fails as a whole."""
    green = len(baseline.tests) - red
    if not baseline.told or not baseline.tests:
        return "passes" if baseline.passed else "fails"
    passing = [f"{green:,} pass{'es' if green == 1 else ''}"] if green else []
    return ", ".join([*passing, *([f"{red:,} fail{'s' if red == 1 else ''}"] if red else [])])


def _outcome_line(outcome: Outcome) -> str:
    note = f"; {one_line(outcome.note)}" if outcome.note else ""
    if outcome.passed:
        evidence = "reproduced" if outcome.reproduced_by else one_line(outcome.unshown)
        note += f"; {evidence}" if evidence else ""
        if outcome.verified == "none":  # what ran shows nothing of the task, and the verdict says so
            return f"  · ran{note}"
        return f"  ✓ {_passed_count(outcome.checks) or 'ran'}{note}"
    if outcome.mended:
        return f"  {FAILED_SIGN} {mended_words(outcome)}{note}"
    failure = (
        _first_failed(outcome.checks) or one_line(outcome.gist or last_line(outcome.feedback)) or "failed"
    )
    return f"  {FAILED_SIGN} {failure.removesuffix('.') if note else failure}{note}"


def _passed_count(checks: tuple[CheckLine, ...]) -> str:
    return f"{sum(check.passed for check in checks)} of {len(checks)} passed" if checks else ""


def _first_failed(checks: tuple[CheckLine, ...]) -> str:
    line = next((check for check in checks if not check.passed), None)
    if line is None:
        return ""
    if line.expected is not None and line.actual is not None:
        return one_line(f"{line.name}: expected {line.expected}, got {line.actual}")
    reason = _error_message(line)
    return one_line(f"{line.name}: {reason}" if reason else line.name)


def _error_message(line: CheckLine) -> str:
    """Return the error message of a failed check, without its traceback."""
    other_lines = [text for text in line.message.splitlines() if text.strip() != line.name.strip()]
    return telling_line("\n".join(other_lines))


def _status_text(run: Run) -> str:
    is_untested = run.status == "answered" and run.exit_code != 0  # as if `unverified`
    return f"{SIGNS['unverified'] if is_untested else SIGNS.get(run.status, FAILED_SIGN)} {run.status}"


def _reason_text(run: Run) -> str:
    if run.error is not None or run.status == "waiting":
        return ""  # the error or question has lines of its own
    is_plain = run.status == "solved" and run.verified != "reproduced"
    return _passed_count(run.tests) if is_plain and run.tests else one_line(run.reason, width=1_000)


def _usage(run: Run) -> str:
    return f"{count_of(run.attempts, 'attempt')}  {spent(run)}"


def spent(run: Run) -> str:
    """Return calls, tokens, cost and time."""
    tokens = run.tokens.input + run.tokens.output
    counts = f"{count_of(run.calls, 'call')}  {count_of(tokens, 'token')}"
    tests = f" and {run.test_seconds:,.0f} s of tests" if run.test_seconds else ""
    return f"{counts}  {money(run.cost)}  {run.seconds:.1f} s{tests}"


def money(cost: float | None) -> str:
    """Return US dollars with as many digits as are significant."""
    if cost is None:
        return "cost unknown"
    digits = f"{Decimal(f'{cost:.2g}'):f}"
    return f"${digits}" if 0 < cost < 1 and len(digits) >= len("0.00") else f"${cost:.2f}"


def age(moment: float | None) -> str:
    """Return the time since `moment` in its largest unit; empty if `moment` is unknown."""
    if moment is None:
        return ""
    seconds = time.time() - moment
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
