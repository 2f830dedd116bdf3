"""Ask the user before writing: about the change, edits of given tests, files that may run by themselves."""

from collections.abc import Mapping, Sequence

from coder.base.errors import own_command
from coder.run.attempts import best_code, decisive_outcome, shows_done
from coder.run.conversation import before_rejection, before_talk, reply_about_change, since_rejection
from coder.run.journal import Journal
from coder.run.message import HUMAN, Outcome, outcomes_in
from coder.run.questions import Decision, Question
from coder.run.state import State
from coder.run.termination import contradiction
from coder.run.verdict_words import join_names, mended_words, why_unverified
from coder.workspace.consent import files_to_edit, is_accepted, is_contradicted, is_green, rulings_of

NOBODY = Decision(decision="", how="default")
"""The decision if nobody can be asked."""
_YES, _NO = (Decision(decision=word, how="default") for word in ("yes", "no"))


async def ask_consent(
    journal: Journal, *, paths: Sequence[str], overwritten: Sequence[str], diff: str
) -> Decision | None:
    """Ask whether a change of these paths lands; None if consent is needed and nobody can give it.

    A conversation and a run with a person at the terminal ask about each change; other runs ask about
    unverified changes and overwritten files.
    There is no question about the user's own version if it passes.
    """
    state = journal.state
    is_needed, has_passed = needs_word(state), _has_passed(state)
    if has_passed and diff and state.landing.agreed == diff:
        return _YES  # the folder has changed since, and the change was verified again
    if not is_needed and _is_agreed(state, diff, passed=has_passed, overwritten=overwritten):
        return _YES
    if not diff:
        return None
    text = f"Change {', '.join(overwritten or paths) or 'the given tests'}?"
    text = _question(state, paths) if is_needed else text
    note = "; ".join(filter(None, [_unshown(state) if state.settings.chat else "", _on_earlier(state)]))
    by_flag = is_needed and has_passed and not is_whole(state, paths)
    question = landing_question(state, text, diff=diff, note=note, passed=has_passed, by_flag=by_flag)
    otherwise = NOBODY if is_needed else _YES if has_passed or not state.settings.chat else _NO
    answer = await _ask(
        journal, question, otherwise=None if state.landing.declined and otherwise is _YES else otherwise
    )
    return None if answer is NOBODY else answer


def _is_agreed(state: State, diff: str, *, passed: bool, overwritten: Sequence[str]) -> bool:
    """Whether a change whose verdict needs no consent lands without a question."""
    code = best_code(state)
    is_users_version = code is not None and code.author == HUMAN
    if state.settings.chat:
        return not diff or (is_users_version and passed)
    is_asked = bool(overwritten) or state.settings.is_attended or "landing" in state.settings.approve
    return is_users_version or not (is_asked or state.landing.declined)


def _has_passed(state: State) -> bool:
    outcome = decisive_outcome(state)
    return outcome is not None and outcome.passed


def is_whole(state: State, paths: Sequence[str]) -> bool:
    """Whether a yes includes the edits of given tests, because the change needs or consists of them."""
    return is_contradicted(state) or not paths


async def _ask(journal: Journal, question: Question, *, otherwise: Decision | None) -> Decision:
    from coder.run.open_question import ask_person  # imported late: most runs ask nothing

    return await ask_person(journal, question, otherwise=otherwise)


async def wants_edits(journal: Journal, diff: str) -> bool:
    """Whether the user also wants optional edits of given tests."""
    if journal.state.settings.chat:
        return False
    text = "Change the given tests, too? They passed as they were, and were not run as edited."
    question = Question(kind="approve", about="tests", text=text, patch=diff)
    return (await _ask(journal, question, otherwise=NOBODY)).agrees


async def wants_held(journal: Journal, risks: Mapping[str, str], diff: str) -> bool:
    """Whether the user also wants files that may run by themselves later, or that a rule asks about.

    `--yes` doesn't answer this.
    """
    is_ruled = all(path in rulings_of(journal.state, risks) for path in risks)
    what = "what your rule asks about" if is_ruled else "what may run by itself later"
    text = f"Write {what}, too: {', '.join(risks)}?"
    note = "; ".join(f"{path}: {reason}" for path, reason in risks.items())
    question = Question(kind="approve", about="tests", text=text, patch=diff, note=note)
    return (await _ask(journal, question, otherwise=NOBODY)).agrees


def landing_question(
    state: State, text: str, *, diff: str, note: str = "", passed: bool = True, by_flag: bool = False
) -> Question:
    """Return the question of whether a change lands, with the files that a person may edit."""
    code = best_code(state)
    files = files_to_edit(state, code) if code is not None else {}
    return Question(
        kind="approve",
        about="landing",
        text=text,
        patch=diff,
        note=note,
        reply=reply_about_change(state),
        files=files,
        passed=passed,
        by_flag=by_flag,
    )


def _question(state: State, paths: Sequence[str]) -> str:
    outcome = decisive_outcome(state)
    assert outcome is not None  # only tried results are delivered
    contradicts = contradiction(outcome)
    if contradicts is not None:
        return f"It {contradicts.text}. They pass as it edits them. Write it, with these edits?"
    if not outcome.passed:
        return f"{_failure(state, outcome)}. Write {', '.join(paths) or 'the given tests'} all the same?"
    reason = why_unverified(state, outcome)
    return f"{reason[0].upper()}{reason[1:]}. Write {', '.join(paths) or 'the given tests'} all the same?"


def _failure(state: State, outcome: Outcome) -> str:
    """Return in words that a change doesn't pass, with the number of checks that do."""
    passed_count = sum(line.passed for line in outcome.checks)
    text = f": {passed_count} of {len(outcome.checks)} passed" if outcome.checks else ""
    if paths := state.landing.broken_by:
        return f"It passed until {join_names(paths)} changed in your folder, and doesn't pass since{text}"
    if outcome.mended:
        return f"It doesn't pass: {mended_words(outcome)}"
    return f"It doesn't pass{text or (f': {outcome.gist}' if outcome.gist else '')}"


def _unshown(state: State) -> str:
    """Return a note on what the verdict doesn't show, such as contradicted given tests; may be empty."""
    outcome = decisive_outcome(state)
    if outcome is None:
        return ""
    if (contradicts := contradiction(outcome)) is not None:
        return f"it {contradicts.text}; they pass as it edits them"
    is_decided = outcome.verified == "self" or shows_done(state, outcome)
    is_suite = state.task.test_command is not None and outcome.passed and not is_decided
    return why_unverified(state, outcome) if is_suite else ""


def _on_earlier(state: State) -> str:
    """Return a note if an earlier change passed and the latest one doesn't; may be empty."""
    outcomes = outcomes_in(since_rejection(before_talk(state)))
    if outcomes and not outcomes[-1].passed and _has_passed(state):
        return "the latest attempt doesn't pass; this earlier one does"
    while not _has_passed(state) and (earlier := before_rejection(state)) is not state:
        state = earlier
        if _has_passed(state):
            command = f"{own_command()} export {state.run} --change N"
            return f"the change before your words passed, and is kept; {command} prints each that was offered"
    return ""


def needs_word(state: State) -> bool:
    """Whether a change doesn't pass, or is unverified and not accepted beforehand."""
    settings = state.settings
    is_kept = settings.keep and not is_contradicted(state)
    is_accepted_before = is_accepted(state) and (_has_passed(state) or is_contradicted(state))
    return not (settings.chat or is_kept or is_accepted_before or is_green(state))
