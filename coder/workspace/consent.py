"""Consent: what the user is asked before a change lands, and what that allows."""

from collections.abc import Sequence
from typing import Literal

from coder.run.attempts import decisive_outcome, is_green
from coder.run.state import State
from coder.run.termination import contradiction, why_unverified
from coder.run.watch import Asking, Watch
from coder.workspace.edited_tests import in_parts, is_accepted, is_contradicted

Consent = Literal["all", "change", "no", "nobody"]
"""all: the edits of given tests land, too; nobody: it needs a word, and there is nobody to ask."""


async def consent(
    state: State, watch: Watch, *, paths: Sequence[str], overwritten: Sequence[str], patch: str, tests: str
) -> Consent:
    """Ask what has to be asked about a change.

    Args:
        paths: what the change writes or removes.
        overwritten: those of them that are there already.
        patch: the change.
        tests: edits of given tests beside it, as a patch of their own.
    """
    shown = in_parts(patch, tests)
    if not _needs_word(state):
        if overwritten and not await watch.confirm(f"Change {', '.join(overwritten)}?", shown):
            return "no"
    elif not shown or not isinstance(watch, Asking):
        return "nobody"
    else:
        is_whole = is_contradicted(state)
        said = await watch.ask(_question(state, paths), shown, by_flag=not is_whole)
        if said is None:
            return "nobody"
        if not said or is_whole:
            return "all" if said else "no"
    return "all" if tests and await _wants_edits(state, watch, shown) else "change"


async def _wants_edits(state: State, watch: Watch, shown: str) -> bool:
    """Whether edits of given tests that the change can do without are to land, too."""
    if state.settings.chat or not isinstance(watch, Asking):
        return False
    question = "Change the given tests, too? They passed as they were, and were not run as edited."
    return bool(await watch.ask(question, shown, by_flag=False))


def _question(state: State, paths: Sequence[str]) -> str:
    outcome = decisive_outcome(state)
    assert outcome is not None  # nothing is delivered that was not tried
    contradicts = contradiction(outcome)
    if contradicts is not None:
        return f"It {contradicts.text}. They pass as it edits them. Write it, with these edits?"
    why = why_unverified(state, outcome)
    return f"{why[0].upper()}{why[1:]}. Write {', '.join(paths)} all the same?"


def _needs_word(state: State) -> bool:
    """Whether a change that is unverified is to land, to which the user has not said yes beforehand."""
    settings = state.settings
    return not (settings.chat or settings.keep or is_accepted(state) or is_green(state))
