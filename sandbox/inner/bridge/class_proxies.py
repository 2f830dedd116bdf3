"""Make proxy classes from descriptions of the candidate's classes.

Bases are mirrored, so that isinstance, issubclass and except work as in the candidate's process. A builtin
exception is the builtin itself; other classes derive from nothing builtin, even if the candidate's do.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from sandbox.inner.bridge import operators as known
from sandbox.inner.bridge import proxies
from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.metadata import METADATA, attribute
from sandbox.inner.bridge.named_tuples import NamedTupleCopy, link_of_class
from sandbox.inner.bridge.proxies import Instance, Proxy, is_built, is_proxy, link_of
from sandbox.inner.bridge.show_values import error_attribute, error_text, standard_error
from sandbox.inner.bridge.writeback import coroutine

_CANDIDATE_NAMES = METADATA - {"__module__", "__dataclass_fields__"} | {"__init__"}
"""Attributes of every class that are looked up in the candidate's class."""
_STAND_INS = (Proxy, Instance, NamedTupleCopy)
"""Bases of proxy classes that the candidate's classes don't have."""
_DESCRIPTORS = {one.__name__: one for one in (property, staticmethod, classmethod)}
"""Standard descriptor classes by name; proxies of their objects have these as `__class__`."""
_JUDGING_OPERATORS = {**known.BINARY, **known.IN_PLACE, **known.ORDER, **known.CONTAINS}


class _Described(type):
    """Metaclass of proxy classes: missing attributes are looked up in the candidate's class."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], space: dict[str, Any], *, made: bool = False
    ) -> _Described:
        if not made:
            raise TypeError(f"a test that runs apart from the candidate can't derive {name} from its classes")
        return super().__new__(cls, name, bases, space)

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **_: object) -> None:
        super().__init__(name, bases, space)

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        """Create an instance in the candidate's process."""
        instance = link_of_class(cls).call(cls, args, kwargs, cls.__name__)
        if isinstance(instance, Instance) and proxies.is_class(cls):
            proxies.mark_built(instance)
        return instance

    def __getattribute__(cls, name: str) -> Any:
        if name in _CANDIDATE_NAMES:
            return attribute(link_of_class(cls), cls, name)
        value = super().__getattribute__(name)
        if name in ("__bases__", "__mro__"):
            return tuple(one for one in value if one not in _STAND_INS) or (object,)
        return value

    def __getattr__(cls, name: str) -> Any:
        return proxies.noted(attribute(link_of_class(cls), cls, name), name)

    def __setattr__(cls, name: str, value: object) -> None:
        link_of_class(cls).request("set", cls, name, value)

    def __delattr__(cls, name: str) -> None:
        link_of_class(cls).request("delete", cls, name)

    @property  # type: ignore[misc]
    def __dict__(cls) -> Any:  # type: ignore[override]
        """Names of the class in the candidate's process."""
        link = link_of_class(cls)
        names = dict(link.request("get", cls, "__dict__"))
        if "__annotations__" in names:
            names["__annotations__"] = attribute(link, cls, "__annotations__")
        return MappingProxyType(names)


class Classes:
    """The candidate's classes by number, each described once."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self._known: dict[int, type] = {}

    def of(self, number: int) -> type:
        """Return the proxy class of class `number`."""
        cls = self._known.get(number)
        if cls is None:
            description = self._link.request("describe", Proxy(self._link, number))
            cls = self._known.setdefault(number, make_class(self._link, number, description))
        return cls

    def of_instance(self, number: int) -> type:
        """Return the proxy class of an object. Raises CodecError for a class of exceptions."""
        cls = self.of(number)
        if not issubclass(cls, Instance):
            raise CodecError("an object of a class of exceptions")
        return cls

    def record(self, number: int, items: object) -> object:
        """Make a named tuple. Raises CodecError if the class isn't one."""
        cls = self.of(number)
        if not issubclass(cls, NamedTupleCopy) or type(items) is not tuple:
            raise CodecError("no record")
        return tuple.__new__(cls, items)


_Described.__doc__ = property(lambda cls: attribute(link_of_class(cls), cls, "__doc__"))  # type: ignore[assignment]


def make_class(link: Any, number: int, description: Any) -> type:
    """Make the proxy class of class `number`. Raises CodecError for an invalid description."""
    name, qualname, module, bases, operators, class_operators, copied, fields = _check_description(
        description
    )
    proxy_bases = [base for base in bases if issubclass(base, (Instance, NamedTupleCopy, BaseException))]
    space: dict[str, Any] = {"__module__": module, "__qualname__": qualname, "__far__": (link, number)}
    if any(issubclass(base, BaseException) for base in proxy_bases):
        standard = standard_error(module, name)
        if standard is not None:
            return standard
        proxy_bases = link.guard.bases_of_error(
            [base for base in proxy_bases if issubclass(base, BaseException)]
        )
        space.update(__str__=error_text, __getattr__=error_attribute, __doc__=_of_class("__doc__"))
    elif fields is not None:
        proxy_bases = [base for base in proxy_bases if issubclass(base, NamedTupleCopy)] or [NamedTupleCopy]
        space.update({field: property(itemgetter(i)) for i, field in enumerate(fields)}, __slots__=())
        space["__doc__"] = _of_class("__doc__")
    else:
        proxy_bases = [base for base in proxy_bases if issubclass(base, Instance)]
        space.update(operators_of_instances(operators, copied), __slots__=())
        space["__doc__"] = proxies.metadata("__doc__")
        if module == "builtins" and name in _DESCRIPTORS:
            space["__class__"] = _DESCRIPTORS[name]
        if "__call__" in operators:
            space["__signature__"] = proxies.metadata("__signature__")
    meta = _meta(proxy_bases, class_operators)
    try:
        proxy_class: type = meta(name, tuple(proxy_bases) or (Instance,), space, made=True)
    except (TypeError, ValueError) as error:
        raise CodecError(f"a class that can't be: {error}") from error
    return proxy_class


def _of_class(name: str) -> Any:
    return property(lambda self: getattr(type(self), name))


def _meta(bases: list[type], operators: tuple[str, ...]) -> Any:
    """Return a metaclass for these bases, with operators of the class itself (`len(Color)`)."""
    metas = {type(base) for base in bases if isinstance(base, _Described)} or {_Described}
    least = [
        meta for meta in metas if not any(other is not meta and issubclass(other, meta) for other in metas)
    ]
    if len(least) == 1 and not operators:
        return least[0]
    space = {"__doc__": vars(_Described)["__doc__"], **class_operators_of(operators)}
    return type("_Described", tuple(least), space)


def _check_description(description: Any) -> tuple[Any, ...]:
    if type(description) is not tuple or len(description) != 8:
        raise CodecError("no description of a class")
    *names, bases, operators, class_operators, copied, fields = description
    if not all(type(name) is str for name in names) or type(bases) is not list:
        raise CodecError("no names of a class")
    if not all(isinstance(base, type) for base in bases):
        raise CodecError("a class with bases that aren't classes")
    if any(
        type(names_of_operators) is not tuple for names_of_operators in (operators, class_operators, copied)
    ):
        raise CodecError("a class without operators")
    if fields is not None and not known.are_fields(fields):
        raise CodecError("a record without fields")
    return description


def operators_of_instances(names: tuple[str, ...], copied: tuple[str, ...]) -> dict[str, Any]:
    """Make the operators of a proxy class; those in `copied` run on a copy of the object's value."""
    space: dict[str, Any] = {
        name: proxies.asked(name) for name in (*known.PLAIN, *known.METHODS) if name in names
    }
    space.update((name, _guarded(name)) for name in _JUDGING_OPERATORS if name in names)
    space.update((name, _guarded(name, plain)) for name, plain in known.REFLECTED.items() if name in names)
    if "unhashable" in names:
        space["__hash__"] = None
    space["__own_equality__"] = "__eq__" in names or "__ne__" in names
    space["__copied__"] = copied
    if "__hash__" in copied:
        space["__hash__"] = lambda self: hash(proxies.copy_of(self))
    if "__call__" in names:
        space["__call__"] = lambda self, *args, **kwargs: link_of(self).call(
            self, args, kwargs, type(self).__name__
        )
    if "__exit__" in names:
        space["__exit__"] = _exit
    if "__aexit__" in names:
        space["__aexit__"] = _exit_async
    if "__await__" in names:
        space["__await__"] = lambda self: coroutine(link_of(self), self).__await__()
    return space


def class_operators_of(names: tuple[str, ...]) -> dict[str, Any]:
    """Make the operators of a proxy class's metaclass (`len(Color)`)."""
    return {
        name: lambda cls, *operands, name=name: link_of_class(cls).request(name, cls, *operands)
        for name in (*known.PLAIN, "__contains__", "__or__")
        if name in names
    }


def _exit(self: Any, kind: type | None, error: BaseException | None, trace: object) -> bool:
    """Exit a `with` block; return whether the candidate suppresses the error, never a failure of the test."""
    answer = link_of(self).request("__exit__", self, kind, error, None)
    return bool(answer) and bool(link_of(self).guard.suppresses(error))


async def _exit_async(self: Any, kind: type | None, error: BaseException | None, trace: object) -> bool:
    answer = await link_of(self).request("__aexit__", self, kind, error, None)
    return bool(answer) and bool(link_of(self).guard.suppresses(error))


def _copied_by(value: object) -> tuple[str, ...]:
    return getattr(type(value), "__copied__", ())


def _guarded(name: str, plain: str = "") -> Callable[..., Any]:
    """Make an operator; with the test's own data, the candidate decides it only for objects the test made.

    `plain`: name of the unreflected operator, if `name` is a reflected one.
    """
    operation = plain or name

    def asked(self: Any, other: object, *more: object) -> object:
        def operands(this: object, other: object = other) -> tuple[object, ...]:
            return (other, this) if plain else (this, other, *more)

        if name in type(self).__copied__ and (not is_proxy(other) or name in _copied_by(other)):
            both = (proxies.copy_of(one) if is_proxy(one) else one for one in (self, other))
            return known.OPERATORS[operation](*operands(*both))
        if (is_built(self) or is_proxy(other)) and link_of(self).guard.may_compute(name):
            result = link_of(self).request(operation, *operands(self))
            if is_built(self) and type(result) is type(self):
                proxies.mark_built(result)
            return result
        if name == "__contains__" and hasattr(type(self), "__iter__"):
            return any(item is other or item == other for item in self)
        raise TypeError(
            f"the candidate returned an object of its own class {type(self).__name__}, "
            f"which can't be compared or computed with the test's own data ({name})"
        )

    return asked
