"""Candidate: the change of one attempt, as it is compared with those of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from coder.run.attempts import best_code, tried
from coder.run.message import CodeMessage, Outcome, Verified
from coder.run.state import State
from coder.workspace.diff import count_lines
from coder.workspace.proposal import proposal

FAILED = "!"
"""Prefix of the behaviour of a call that raised or didn't return."""
_KINDS = get_args(Verified)
"""Kinds of verification, the strongest first."""


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """The change of one attempt, with its outcome and votes."""

    attempt: int
    code: CodeMessage
    outcome: Outcome
    lines: int = 0
    """Lines changed."""
    sane: bool = True
    """Whether the code, by reading it, could be what was asked for."""
    votes: int = 1
    """Number of attempts with exactly this code."""
    behaviour: tuple[str, ...] = ()
    """The returned value for each input, as text; empty if unknown."""

    @property
    def rank(self) -> tuple[object, ...]:
        """Sort key, the best first: the verdict, its kind, and the number of passed checks."""
        passed = self.outcome.passed
        is_tested = passed and self.outcome.verified != "none"
        return (
            _KINDS.index(self.outcome.verified) if passed else len(_KINDS),
            not self.outcome.contradicts,
            0 if is_tested else -sum(check.passed for check in self.outcome.checks),
            not self.sane,
        )


def candidates_of(states: Mapping[int, State]) -> list[RankedCandidate]:
    """Return the changes of finished attempts, ordered by attempt number."""
    candidates = []
    repeated_files = [state.codes[-1].changes.files for state in states.values() if only_repeats(state)]
    for number, state in sorted(states.items()):
        code = best_code(state)
        outcomes = [outcome for tried_code, outcome in reversed(tried(state)) if tried_code is code]
        outcome = outcomes[0] if outcomes else None
        if code is not None and outcome is not None:
            votes = 1 + sum(code.changes.files == files for files in repeated_files)
            lines = lines_of(state) if state.files else 0
            candidates.append(RankedCandidate(number, code, outcome, lines=lines, votes=votes))
    return candidates


def only_repeats(state: State) -> bool:
    """Return whether an attempt only repeated answers of earlier attempts."""
    return bool(state.codes) and all(code.repeats for code in state.codes)


def lines_of(state: State) -> int:
    """Return how many lines the best change of a run adds and removes; 0 if unknown."""
    if best_code(state) is None:
        return 0
    try:
        return sum(sum(count_lines(patch)) for patch in proposal(state))
    except LookupError:  # the log doesn't hold the files of a large folder
        return 0
