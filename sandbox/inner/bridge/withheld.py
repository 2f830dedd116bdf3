"""Objects of the candidate where plain data is expected: only their truth, which is data, crosses.

Whatever else a test asks of one ends the candidate, even if the test catches the exception.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.inner.bridge.metadata import attribute
from sandbox.inner.bridge.operators import OPERATORS, REFLECTED
from sandbox.inner.bridge.show_values import CandidateGone, show_kind

_OWN_METHODS = ("__eq__", "__ne__", "__hash__", "__bool__", "__repr__", "__copy__", "__deepcopy__", "__dir__")


class Withheld:
    """Stand-in for an object; it is equal only to itself."""

    __slots__ = ("_attributes", "_doing", "_proxy", "_refuse", "_truth")
    _proxy: Any
    _truth: object
    _doing: str
    _refuse: Callable[[CandidateGone], None]
    _attributes: Callable[[str], object] | None

    def __bool__(self) -> bool:
        return self._truth if type(self._truth) is bool else bool(refuse(self))

    def __eq__(self, other: object) -> bool:
        return other is self or (other is not None and bool(refuse(self)))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{show_kind('object', self._proxy)}>"

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return refuse(self) if self._attributes is None else self._attributes(name)


def _refused(name: str) -> Callable[..., object]:
    return lambda self, *operands: refuse(self)


for _name in {*OPERATORS, *REFLECTED, "__await__"} - {*_OWN_METHODS}:
    setattr(Withheld, _name, _refused(_name))


def withhold(link: Any, proxy: Any, truth: object, doing: str) -> Withheld:
    """Withhold an object; a test that may receive records may read its attributes, if they are data."""
    stand_in = Withheld()
    stand_in._proxy, stand_in._truth, stand_in._doing = proxy, truth, doing
    stand_in._refuse = link.refuse
    stand_in._attributes = (
        (lambda name: attribute(link, proxy, name)) if link.guard.admits("record") else None
    )
    return stand_in


def withheld(value: object) -> object:
    """Return the proxy of a withheld object; any other value itself."""
    return value._proxy if type(value) is Withheld else value


def refuse(value: Withheld) -> object:
    """End the candidate. Raises CandidateGone."""
    description = show_kind("object", value._proxy)
    failure = CandidateGone(f"{value._doing} gave {description} where plain data is expected")
    value._refuse(failure)
    raise failure
