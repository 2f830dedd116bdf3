"""Proxy classes, made from descriptions that the candidate's process gives of its classes.

Bases are mirrored, so that isinstance, issubclass and except work as in the candidate's process. A builtin
exception is the builtin itself; any other class derives from nothing builtin, whatever the candidate's does.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.proxies import Instance, Proxy, is_class, mark_built, noted
from sandbox.inner.bridge.proxy_operators import class_operators_of, operators_of_instances
from sandbox.inner.bridge.raised import error_attribute, error_text, standard_error
from sandbox.inner.bridge.record_fields import Record, are_fields, link_of_class


class _Described(type):
    """The class of proxy classes: attributes that one lacks are asked of the candidate's class."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], space: dict[str, Any], *, made: bool = False
    ) -> _Described:
        if not made:
            raise TypeError(f"a test that runs apart from the candidate can't derive {name} from its classes")
        return super().__new__(cls, name, bases, space)

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **_: object) -> None:
        super().__init__(name, bases, space)

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        """Make an instance there."""
        made = link_of_class(cls).call(cls, args, kwargs, cls.__name__)
        if isinstance(made, Instance) and is_class(cls):
            mark_built(made)
        return made

    def __getattr__(cls, name: str) -> Any:
        return noted(link_of_class(cls).request("get", cls, name), name)

    def __setattr__(cls, name: str, value: object) -> None:
        link_of_class(cls).request("set", cls, name, value)

    def __delattr__(cls, name: str) -> None:
        link_of_class(cls).request("delete", cls, name)

    @property  # type: ignore[misc]
    def __dict__(cls) -> Any:  # type: ignore[override]
        """The names of the class there."""
        return link_of_class(cls).request("get", cls, "__dict__")


class Classes:
    """The candidate's classes by their number, each described once."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self._known: dict[int, type] = {}

    def of(self, number: int) -> type:
        """The proxy class of a class."""
        known = self._known.get(number)
        if known is None:
            described = self._link.request("describe", Proxy(self._link, number))
            known = self._known.setdefault(number, make_class(self._link, number, described))
        return known

    def of_instance(self, number: int) -> type:
        """The proxy class of an object.

        Raises:
            CodecError: it is one of exceptions.
        """
        cls = self.of(number)
        if not issubclass(cls, Instance):
            raise CodecError("an object of a class of exceptions")
        return cls

    def record(self, number: int, items: object) -> object:
        """A named tuple.

        Raises:
            CodecError: it is none.
        """
        cls = self.of(number)
        if not issubclass(cls, Record) or type(items) is not tuple:
            raise CodecError("no record")
        return tuple.__new__(cls, items)


def make_class(link: Any, number: int, described: Any) -> type:
    """The proxy class of class `number`.

    Raises:
        CodecError: the description isn't one.
    """
    name, qualname, module, bases, operators, class_operators, copied, fields = _checked(described)
    own = [base for base in bases if issubclass(base, (Instance, Record, BaseException))]
    space: dict[str, Any] = {"__module__": module, "__qualname__": qualname, "__far__": (link, number)}
    if any(issubclass(base, BaseException) for base in own):
        standard = standard_error(module, name)
        if standard is not None:
            return standard
        own = [base for base in own if issubclass(base, BaseException)]
        space.update(__str__=error_text, __getattr__=error_attribute)
    elif fields is not None:
        own = [base for base in own if issubclass(base, Record)] or [Record]
        space.update({field: property(itemgetter(i)) for i, field in enumerate(fields)}, __slots__=())
    else:
        own = [base for base in own if issubclass(base, Instance)]
        space.update(operators_of_instances(operators, copied), __slots__=())
    meta = _meta(own, class_operators)
    try:
        made: type = meta(name, tuple(own) or (Instance,), space, made=True)
    except (TypeError, ValueError) as error:
        raise CodecError(f"a class that can't be: {error}") from error
    return made


def _meta(bases: list[type], operators: tuple[str, ...]) -> Any:
    """The class of a class with these bases, and with these operators of its own (`len(Color)`)."""
    metas = {type(base) for base in bases if isinstance(base, _Described)} or {_Described}
    least = [
        meta for meta in metas if not any(other is not meta and issubclass(other, meta) for other in metas)
    ]
    if len(least) == 1 and not operators:
        return least[0]
    return type("_Described", tuple(least), class_operators_of(operators))


def _checked(described: Any) -> tuple[Any, ...]:
    if type(described) is not tuple or len(described) != 8:
        raise CodecError("no description of a class")
    *names, bases, operators, class_operators, copied, fields = described
    if not all(type(name) is str for name in names) or type(bases) is not list:
        raise CodecError("no names of a class")
    if not all(isinstance(base, type) for base in bases):
        raise CodecError("a class with bases that aren't classes")
    if any(type(some) is not tuple for some in (operators, class_operators, copied)):
        raise CodecError("a class without operators")
    if fields is not None and not are_fields(fields):
        raise CodecError("a record without fields")
    return described
