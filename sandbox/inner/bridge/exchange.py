"""One request to the candidate and its answer, with the containers that were lent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.inner.bridge.codec import decode
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.bridge.lent import Lent
from sandbox.inner.bridge.writeback import mutable_containers, write_back


class Exchange:
    """State of a pending request."""

    def __init__(self, message: tuple[Any, ...], guard: Guard, *, is_entry: bool) -> None:
        """`is_entry`: whether the request calls the function under test."""
        self.operation: str = message[0]
        self.is_entry = is_entry
        self.call: bytes | None = None
        """The request, if it calls the function under test."""
        self.frame = b""
        """The candidate's latest message."""
        self.met: dict[str, object] = {}
        """First reference of each kind in the latest message."""
        self.thrown: list[BaseException] = []
        """Errors raised by the test's functions that the candidate called."""
        self.named = _named_arguments(message, guard, is_entry=is_entry)
        """Name and value of each argument, if changes and uses are recorded by these names."""
        self.lent = Lent(*_lent_containers(message, self.named, guard))
        self._guard = guard
        self._returned: set[int] = set()

    def lent_container(self, number: object) -> Any:
        """Return the lent container of a number in the answer; None if there is none."""
        if type(number) is not int or not 0 <= number < len(self.lent.containers):
            return None
        self._returned.add(number)
        return self.lent.containers[number]

    def take_changes(self, outcome: list[Any], changes: Any, resolve: Callable[[Any], object]) -> list[Any]:
        """Apply the changes that the test sees; return the outcome, which also shows hidden changes.

        Raises ValueError if a change doesn't fit its container.
        """
        lent = self.lent
        visible_changes = self._guard.shown(changes, lent.owners)
        if type(changes) is tuple and len(visible_changes) < len(changes) and self._guard.write_back:
            visible_numbers = {number for number, _ in visible_changes}
            hidden_changes = {number: now for number, now in changes if number not in visible_numbers}
            if not self._returned.isdisjoint(
                hidden_changes
            ):  # an argument is returned as the candidate left it
                containers = lent.containers
                lent.containers = [hidden_changes.get(i, one) for i, one in enumerate(containers)]
                _, *outcome, _, _ = decode(self.frame[1:], resolve=resolve)
                lent.containers = containers
        write_back(lent.containers, visible_changes)
        return outcome


def _named_arguments(message: tuple[Any, ...], guard: Guard, *, is_entry: bool) -> list[tuple[str, object]]:
    if message[0] != "call" or not (is_entry or guard.record.by_line):
        return []
    line = f"{guard.record.line()} " if guard.record.by_line else ""
    arguments = [*((str(i), value) for i, value in enumerate(message[2])), ("*", {}), *message[3].items()]
    return [(line + name, value) for name, value in arguments]


def _lent_containers(
    message: tuple[Any, ...], named: list[tuple[str, object]], guard: Guard
) -> tuple[list[Any], list[frozenset[str]]]:
    """Return the containers in a request, and the argument names of each."""
    lent = mutable_containers(message)
    if named and guard.write_back:
        return lent, [frozenset({name}) for name, value in named for _ in mutable_containers(value)]
    line = guard.record.line() if lent and guard.record.by_line else "*"
    return lent, [frozenset({line})] * len(lent)
