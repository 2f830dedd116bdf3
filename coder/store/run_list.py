"""Ids of runs, and entries in a list of runs."""

import difflib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from coder.base.errors import UsageError, own_command
from coder.run.events import Event

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
ATTEMPT_SEPARATOR = "."
"""Separator before the number in an attempt's id; other ids don't contain it."""
_AFTER_ALL = "~"
"""Character that sorts after all characters of ids."""
_EPOCH = 1_735_689_600  # 2025-01-01; 30 bits of seconds last until 2059


class RunSummary(NamedTuple):
    """Entry in a list of runs; the first and last event contain the task and the outcome."""

    run: str
    first: Event
    last: Event


def unreadable(run: str) -> Event:
    """Return the placeholder in a list for a damaged event; `read` raises the cause."""
    return Event(run=run, seq=0, time=0.0, type="unreadable", body={})


def new_run_id() -> str:
    """Return a new id: `run_`, six characters of time, so that ids sort by second, and four random ones."""
    return f"run_{_base32(int(time.time()) - _EPOCH, 6)}{_base32(secrets.randbits(20), 4)}"


def resolve(prefix: str, between: Callable[[str, str, int], list[str]]) -> str:
    """Return the only run whose id starts with `prefix`. Raises UsageError if none or several do.

    Args:
        between: returns at most `limit` ids between two ids, in descending order; ids of attempts only if
            the first id is an attempt's.
    """
    full_prefix, is_text = prefix if prefix.startswith("run_") else f"run_{prefix}", prefix.isprintable()
    if is_text and between(prefix, prefix, 1):
        return prefix
    matches = between(full_prefix, f"{full_prefix}{_AFTER_ALL}", 4) if is_text else []
    if len(matches) == 1 and prefix:
        return matches[0]
    if matches:
        raise UsageError(f"{prefix!r} is the start of several runs: {_join_ids(matches)}. Give more of it.")
    similar = difflib.get_close_matches(full_prefix, between("", _AFTER_ALL, 1000), n=3, cutoff=0.0)
    hint = f"The nearest: {_join_ids(similar)}." if similar else "There are no runs yet."
    raise UsageError(f"There is no run {prefix!r}. {hint} See them all with: {own_command()} ls")


def attempt_id(run: str, number: int) -> str:
    """Return the id of an attempt for a run; lists only contain the run."""
    return f"{run}{ATTEMPT_SEPARATOR}{number}"


def delegation_id(run: str, number: int) -> str:
    """Return the id of a subagent's run; lists show only the run that delegated to it."""
    return f"{run}{ATTEMPT_SEPARATOR}d{number}"


def step_run_id(run: str, position: str) -> str:
    """Return the id of the run of a flow's step; lists show only the flow."""
    return f"{run}{ATTEMPT_SEPARATOR}s{position.replace('.', '-')}"


def is_attempt(run: str) -> bool:
    """Whether an id belongs to an attempt, or to the run of a subagent or of a flow's step."""
    return ATTEMPT_SEPARATOR in run


def _join_ids(runs: Sequence[str]) -> str:
    return ", ".join(runs[:3]) + (", …" if len(runs) > 3 else "")


def _base32(number: int, digits: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(digits)))
