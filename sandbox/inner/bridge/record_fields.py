"""Named tuples: a tuple of this side, so that it equals what a tuple equals, with the candidate's methods."""

from __future__ import annotations

from typing import Any


class Record(tuple):  # type: ignore[type-arg]
    """Items are copies; equality, order and hash are tuple's own, whatever the candidate's class says."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return link_of_class(type(self)).request("get", self, name)

    def __repr__(self) -> str:
        return str(link_of_class(type(self)).request("__repr__", self))


def class_number(value: object) -> int | None:
    """The candidate's number for the class of a record; None for what isn't one."""
    kind = type(value)
    return type.__getattribute__(kind, "__far__")[1] if issubclass(kind, Record) else None


def link_of_class(cls: type) -> Any:
    """The link behind a proxy class."""
    return type.__getattribute__(cls, "__far__")[0]


def fields_of(cls: type) -> tuple[str, ...] | None:
    """The fields of a class of named tuples, None for any other class."""
    fields = getattr(cls, "_fields", None)
    return fields if issubclass(cls, tuple) and are_fields(fields) else None


def are_fields(fields: Any) -> bool:
    """Whether these can be names of fields: by collections.namedtuple's rule none is an operator's."""
    return type(fields) is tuple and all(
        type(field) is str and field.isidentifier() and not field.startswith("_") for field in fields
    )
