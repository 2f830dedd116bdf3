"""Edits of given tests: they are left out of the change, and land only with the user's word.

The test command decides with the tests as they were given. `--allow`, or a yes on the terminal, is that word.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from coder.run.attempts import best_code, decisive_outcome
from coder.run.command_inputs import MODULES, TOOL_FILES
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import Target, decides
from coder.workspace.autorun import risky
from coder.workspace.overlay import end_of

_BINARY = re.compile(
    r"^index \w+\.\.\w+\nGIT binary patch\nliteral (\d+)\n(?:[A-Za-z]\S+\n)*\n", re.MULTILINE
)
_TITLE = "Left out without your word (given tests, or what decides what passes):"


def is_allowed(path: str, allow: Sequence[str]) -> bool:
    """Whether `--allow` names a path; patterns reach no file that runs by itself later."""
    return path in allow or (risky(path) is None and any(fnmatchcase(path, glob) for glob in allow))


def is_kept_apart(path: str, state: State, target: Target) -> bool:
    """Whether a path decides what passes, so that edits of it are kept apart from an answer."""
    is_free = is_allowed(path, state.settings.allow)
    return not is_free and decides(end_of(path, state.files), state.task, target)


def is_given_test(path: str, state: State, target: Target) -> bool:
    """Whether edits of a path that no answer may write can be offered to the user: a test of the folder."""
    is_read_only = any(fnmatchcase(path, glob) for glob in state.task.read)
    is_setting = path in TOOL_FILES or risky(path) is not None
    return path in target.tests and path in state.files and not is_read_only and not is_setting


def is_offered(path: str, state: State) -> bool:
    """Whether what a session makes of a file that decides what passes can be offered to the user."""
    parts = path.split("/")
    return MODULES not in parts and not any(fnmatchcase(path, glob) for glob in state.task.read)


def is_contradicted(state: State) -> bool:
    """Whether what the run ends with fails given tests, and passes them as it edits them."""
    outcome = decisive_outcome(state)
    return outcome is not None and bool(outcome.contradicts)


def is_accepted(state: State) -> bool:
    """Whether the user has accepted beforehand what is unverified; edits of given tests, too."""
    best = best_code(state)
    edits = best.test_edits if best is not None and (is_contradicted(state) or not best.files) else {}
    return state.settings.accept_unverified and all(is_allowed(path, state.settings.allow) for path in edits)


def landing_edits(state: State, best: Message) -> dict[str, str | None]:
    """The edits of given tests that land with the change: allowed ones, and those with the user's yes."""
    planned = {change.path for change in state.landing.plan.changes} if state.landing is not None else set()
    shown = state.settings.chat and is_contradicted(state)
    return {
        path: text
        for path, text in best.test_edits.items()
        if shown or path in planned or is_allowed(path, state.settings.allow)
    }


def in_parts(patch: str, tests: str) -> str:
    """A change as a person is shown it: first the code, then what is left out."""
    both = f"{patch}\n{_TITLE}\n\n{tests}" if tests else patch
    return _BINARY.sub(r"binary, \1 bytes\n", both)
