"""Check the names of a package's modules against those that the case's own patch defines.

A package could replace a class of its own by `AssertionError` or `object`, and then a test's `except` and
`isinstance` would match other objects than the package's. `from package import *` could hide what a
test imported before, and builtins.
"""

from __future__ import annotations

from typing import Any

from sandbox.inner.bridge.show_values import CandidateGone


def starred(link: Any, module: Any, names: Any) -> Any:
    """Select the names for `from module import *`: those that it imports with the case's own patch."""
    record = link.guard.record
    if not record.by_line or type(names) not in (list, tuple):
        return names
    return [one for one in names if type(one) is not str or record.permits({f"star {module.__name__} {one}"})]


def checked(link: Any, module: Any, name: str, value: Any) -> Any:
    """Return the value that a test gets for a name; record if it is a class of the package."""
    record, place = link.guard.record, f"{module.__name__}.{name}"
    if not record.by_line or not isinstance(value, type):
        return value
    is_own = "__far__" in type.__dict__["__dict__"].__get__(value)
    if is_own:
        record.note(f"class {place}")
    return value if is_own or not record.has(f"class {place}") else _stand_in(link, place, value)


def _stand_in(link: Any, place: str, standard: type) -> type:
    """Make a class for a name that is a standard class here, but the package's with the case's own patch.

    For an exception it is a subclass, as which the candidate's errors cross, but no error of the test's.
    """
    space = {"__module__": place.rpartition(".")[0], "__doc__": standard.__doc__}
    if issubclass(standard, BaseException):
        stand_in = link.errors.get(standard)
        if stand_in is None:
            stand_in = link.errors[standard] = type(standard.__name__, (standard,), space)
        return stand_in  # type: ignore[no-any-return]
    return _Standard(standard.__name__, (), {**space, "_standard": standard, "_place": place})


class _Standard(type):
    """Metaclass of stand-ins that are called like a standard class; `isinstance` raises CandidateGone."""

    def __call__(cls, *args: object, **kwargs: object) -> object:
        standard: Any = type.__getattribute__(cls, "_standard")
        return standard(*args, **kwargs)

    def __getattr__(cls, name: str) -> object:
        return getattr(type.__getattribute__(cls, "_standard"), name)

    def __instancecheck__(cls, value: object) -> bool:
        place, name = type.__getattribute__(cls, "_place"), cls.__name__
        raise CandidateGone(f"{place} is {name}, and a class of the package with the case's own patch")

    __subclasscheck__ = __instancecheck__
