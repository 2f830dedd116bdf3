"""Helpers for the records of a state: a fast `replace`, and the type of handler tables."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from coder.run import event_types

Handlers = Mapping[type[event_types.Body], Callable[..., Any]]
"""Handlers by event type: functions of the record, the event's body and the state before the event, that
return the record after the event."""


def keep(field: str) -> Callable[[Any, event_types.Body, object], Any]:
    """Return a handler that keeps the event in a field of the record."""
    return lambda record, body, state: replace(record, **{field: body})


if TYPE_CHECKING:  # so that its arguments are checked
    from dataclasses import replace as replace
else:

    @cache
    def _slots(kind: type) -> tuple[dict[str, Callable[[Any, Any], None]], Callable[[Any], tuple[Any, ...]]]:
        setters = {one.name: getattr(kind, one.name).__set__ for one in fields(kind)}
        return setters, attrgetter(*setters)

    def replace(record: Any, **changes: Any) -> Any:  # noqa: ANN401 - of any record
        """Do the same as dataclasses.replace in a third of the time; folding events mostly calls this."""
        setters, values = _slots(type(record))
        clone = object.__new__(type(record))
        for setter, value in zip(setters.values(), values(record), strict=True):
            setter(clone, value)
        for name, value in changes.items():
            setters[name](clone, value)
        return clone
