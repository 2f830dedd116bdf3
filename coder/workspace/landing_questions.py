"""Ask the user about a landing: the change, edits of given tests, files that may run by themselves later."""

from collections.abc import Mapping, Sequence

from coder.run.attempts import best_code, decisive_outcome, is_green
from coder.run.journal import Journal
from coder.run.message import HUMAN
from coder.run.questions import Decision, Question
from coder.run.state import State
from coder.run.termination import contradiction, why_unverified
from coder.workspace.consent import is_accepted, is_contradicted, landing_edits

NOBODY = Decision(decision="", how="default")
"""In place of an answer: nobody can be asked."""


async def ask_consent(
    journal: Journal, *, paths: Sequence[str], overwritten: Sequence[str], shown: str
) -> Decision | None:
    """The user's word on a change of these paths; None: nobody can give the word that it needs."""
    state = journal.state
    yes = Decision(decision="yes", how="default")
    if not needs_word(state):
        code = best_code(state)
        is_said = state.settings.chat or (code is not None and code.author == HUMAN)
        is_free = not overwritten and "landing" not in state.settings.approve and not state.landing.declined
        if is_said or is_free:
            return yes
        question = landing_question(state, f"Change {', '.join(overwritten or paths)}?", shown=shown)
        return await journal.ask(question, otherwise=None if state.landing.declined else yes)
    if not shown:
        return None
    by_flag = not is_whole(state, paths)
    question = landing_question(state, _question(state, paths), shown=shown, by_flag=by_flag)
    answer = await journal.ask(question, otherwise=NOBODY)
    return None if answer is NOBODY else answer


def is_whole(state: State, paths: Sequence[str]) -> bool:
    """Whether a yes is one to the edits of given tests, too: the change is nothing without them."""
    return is_contradicted(state) or not paths


async def wants_edits(journal: Journal, shown: str) -> bool:
    """Whether optional edits of given tests land too."""
    if journal.state.settings.chat:
        return False
    text = "Change the given tests, too? They passed as they were, and were not run as edited."
    question = Question(kind="approve", about="tests", text=text, patch=shown)
    return (await journal.ask(question, otherwise=NOBODY)).agrees


async def wants_held(journal: Journal, held: Mapping[str, str], shown: str) -> bool:
    """Whether files that may run by themselves later land, too. `--yes` does not answer it."""
    text = f"Write what may run by itself later, too: {', '.join(held)}?"
    note = "; ".join(f"{path}: {why}" for path, why in held.items())
    question = Question(kind="approve", about="tests", text=text, patch=shown, note=note)
    return (await journal.ask(question, otherwise=NOBODY)).agrees


def landing_question(state: State, text: str, *, shown: str, by_flag: bool = False) -> Question:
    """The question whether a change lands, with the files that a person may edit."""
    code = best_code(state)
    files = {**code.files, **landing_edits(state, code)} if code is not None else {}
    return Question(kind="approve", about="landing", text=text, patch=shown, files=files, by_flag=by_flag)


def _question(state: State, paths: Sequence[str]) -> str:
    outcome = decisive_outcome(state)
    assert outcome is not None  # only tried results are delivered
    contradicts = contradiction(outcome)
    if contradicts is not None:
        return f"It {contradicts.text}. They pass as it edits them. Write it, with these edits?"
    why = why_unverified(state, outcome)
    return f"{why[0].upper()}{why[1:]}. Write {', '.join(paths) or 'the given tests'} all the same?"


def needs_word(state: State) -> bool:
    """Whether a change is unverified and not accepted beforehand."""
    settings = state.settings
    keeps = settings.keep and not is_contradicted(state)
    return not (settings.chat or keeps or is_accepted(state) or is_green(state))
