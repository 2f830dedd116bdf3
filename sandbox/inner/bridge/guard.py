"""Decide what may cross from the candidate to a test, and record what did.

A violation ends the candidate for good, even if the test catches the exception.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sandbox.inner.bridge.exports import Exports
from sandbox.inner.bridge.proxies import number_of
from sandbox.inner.bridge.show_values import CandidateGone, show_error, show_kind

_UNKNOWN, _ITEM = frozenset({"*"}), frozenset({"(item)"})
"""The latter stands among the names of arguments for an item that a generator gives again, changed."""
_OF_ERRORS = frozenset({"error", "class"})
"""Kinds of references that cross with any exception."""


class Guard:
    """Checks crossings; a collection of None allows everything."""

    def __init__(
        self,
        *,
        kinds: Collection[str] | None = None,
        errors: Collection[str] | None = None,
        steps: int | None = None,
        write_back: bool = True,
        changed: Collection[str] | None = None,
        uses: Collection[str] | None = None,
        data_decides: bool = False,
    ) -> None:
        """Take the fields of `sandbox.checks.crossing.Crossing`."""
        self.kinds: set[str] = set()
        self.errors: set[str] = set()
        self.changed: set[str] = set()
        self.steps = 0
        """What crossed so far, in the terms of the arguments."""
        may_change = frozenset(changed or ()) | frozenset(uses or ())
        self.exports = Exports(
            None if uses is None else may_change, spares_mocks=uses is not None or data_decides
        )
        self.compares = kinds is None and not data_decides
        """Whether the candidate's objects may be compared by their own operators."""
        self.only_data = kinds is not None
        self.write_back = write_back
        self._allowed = None if kinds is None else frozenset(kinds)
        self._expected = None if errors is None else frozenset(errors)
        self._changeable = None if changed is None else may_change
        self._max_steps = steps

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Allow everything and record nothing in the block, while a module is loaded."""
        agreed = self._allowed, self._expected
        self._allowed = self._expected = None
        try:
            yield
        finally:
            self._allowed, self._expected = agreed
            self.kinds.clear()
            self.errors.clear()

    def step(self) -> None:
        """Count a step of a generator. Raises CandidateGone beyond the limit."""
        self.steps += 1
        if self._max_steps is not None and self.steps > self._max_steps:
            raise CandidateGone(f"its generators went on for more than {self._max_steps:,} steps")

    def shown(self, changes: Any, owners: list[frozenset[str]]) -> Any:
        """The changes that the test sees; `owners`: the arguments or uses of each lent container."""
        if not changes:
            return ()
        if not self.write_back:
            self.changed.add("*")
            return ()
        if type(changes) is not tuple or any(type(one) is not tuple or len(one) != 2 for one in changes):
            return changes  # write_back refuses it
        owners_of = dict(enumerate(owners))
        return tuple(one for one in changes if self._may_change(owners_of.get(one[0], _UNKNOWN)))

    def _may_change(self, owners: frozenset[str]) -> bool:
        """Whether the test sees a change; records it."""
        agreed = owners if self._changeable is None else owners & self._changeable
        self.changed |= agreed or owners
        return bool(agreed)

    def shows_again(self) -> bool:
        """Whether the test sees that an item of a generator is the changed one before."""
        return self._may_change(_ITEM) and self.write_back

    def admit(self, met: dict[str, object], doing: str) -> None:
        """Record the kinds of references received. Raises CandidateGone if one may not cross."""
        self.kinds |= met.keys()
        if self._allowed is not None and (refused := met.keys() - self._allowed):
            found = show_kind(min(refused), met[min(refused)])
            raise CandidateGone(f"{doing} gave {found} where plain data is expected")

    def expected(self, raised: BaseException, met: dict[str, object], doing: str) -> BaseException:
        """The exception that the test sees. Raises CandidateGone if it isn't an agreed one."""
        standard: list[Any] = [cls for cls in type(raised).__mro__ if number_of(cls) is None]
        self.errors.add(standard[0].__name__)
        if self._expected is None:
            return raised
        if self._expected.isdisjoint(cls.__name__ for cls in standard):
            text = show_error(raised)[:300]
            place = "".join(f" at {one}" for one in vars(raised).get("__where__", [])[-1:])
            raise CandidateGone(f"{doing} raised {type(raised).__name__}: {text}{place}")
        plain: BaseException = standard[0].__new__(standard[0])
        if not met.keys() - _OF_ERRORS - (self._allowed or frozenset()):
            with suppress(TypeError, ValueError):  # arguments that this class doesn't take
                plain = standard[0](*raised.args)
        return plain
