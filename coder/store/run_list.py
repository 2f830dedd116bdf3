"""Ids of runs, and the entries of a list of runs."""

import difflib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from coder.base.errors import UsageError, own_command
from coder.run.events import Event

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
OF = "."
"""Stands in the ids of attempts alone, before their number."""
_LAST = "~"
"""Comes after all ids that go on with their characters."""
_EPOCH = 1_735_689_600  # 2025-01-01: 30 bits of seconds reach to 2059


class RunSummary(NamedTuple):
    """Entry in a list of runs: the first and last event hold the task and the outcome."""

    run: str
    first: Event
    last: Event


def unreadable(run: str) -> Event:
    """Placeholder in a list for a damaged event; `read` raises the cause."""
    return Event(run=run, seq=0, time=0.0, type="unreadable", body={})


def new_run_id() -> str:
    """A new id: `run_`, six characters of time, so that ids sort by second, and four random ones."""
    return f"run_{_base32(int(time.time()) - _EPOCH, 6)}{_base32(secrets.randbits(20), 4)}"


def resolve(prefix: str, between: Callable[[str, str, int], list[str]]) -> str:
    """The one run whose id starts with this, `run_` or not. Raises UsageError: none or several do.

    Args:
        between: gives ids from the first to the last one, the last first, so many at most; those of attempts
            only if the first one is of an attempt.
    """
    wanted, is_text = prefix if prefix.startswith("run_") else f"run_{prefix}", prefix.isprintable()
    if is_text and between(prefix, prefix, 1):
        return prefix
    matches = between(wanted, f"{wanted}{_LAST}", 4) if is_text else []
    if len(matches) == 1 and prefix:
        return matches[0]
    if matches:
        raise UsageError(f"{prefix!r} is the start of several runs: {_listed(matches)}. Give more of it.")
    near = difflib.get_close_matches(wanted, between("", _LAST, 1000), n=3, cutoff=0.0)
    hint = f"The nearest: {_listed(near)}." if near else "There are no runs yet."
    raise UsageError(f"There is no run {prefix!r}. {hint} See them all with: {own_command()} ls")


def attempt_id(run: str, number: int) -> str:
    """Make the id of an attempt for a run; lists name only the run."""
    return f"{run}{OF}{number}"


def is_attempt(run: str) -> bool:
    """Whether an id is that of an attempt for a run."""
    return OF in run


def _listed(runs: Sequence[str]) -> str:
    return ", ".join(runs[:3]) + (", …" if len(runs) > 3 else "")


def _base32(number: int, digits: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(digits)))
