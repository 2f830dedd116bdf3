"""Proxies in a test for the candidate's modules, functions and objects (classes: `class_proxies`).

A proxy forwards its uses. But the candidate never decides about the test's own data: its objects don't
equal plain data, aren't ordered against it and do no arithmetic with it, except if the test itself created
the object by calling its class (then its operators are under test), or the operator is inherited from a
builtin type (then it is applied here, to a copy).

A proxy's link (`link.Link`) sends requests to the candidate's process.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from sandbox.inner.bridge.equality_probe import claims, equals_all, is_discriminating
from sandbox.inner.bridge.metadata import attribute, function_type
from sandbox.inner.bridge.package_names import checked, starred


class Proxy:
    """Stand-in for one object of the candidate."""

    __slots__ = ("__built", "__link", "__number", "__weakref__")
    __own_equality__ = False
    __copied__: tuple[str, ...] = ()
    """Operators of a builtin type, which run on a local copy."""
    __link: Any
    __number: int
    __built: bool

    def __init__(self, link: Any, number: int) -> None:
        object.__setattr__(self, "_Proxy__link", link)
        object.__setattr__(self, "_Proxy__number", number)
        object.__setattr__(self, "_Proxy__built", False)

    def __getattr__(self, name: str) -> Any:
        return attribute(self.__link, self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self.__link.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        self.__link.request("delete", self, name)

    def __eq__(self, other: object) -> Any:
        if other is self:
            return True
        if not is_proxy(other):
            return self.__equals_plain(other)
        return self.__link.request("__eq__", self, other) and not self.__equals_all()

    def __ne__(self, other: object) -> Any:
        if other is self:
            return False
        if not is_proxy(other):
            return not self.__equals_plain(other)
        return self.__link.request("__ne__", self, other) or self.__equals_all()

    def __equals_plain(self, other: object) -> bool:
        """Return whether it equals a test's data: by a copy, or by its own `__eq__` if that discriminates.

        Only an object of a class that the test knows by name is asked, as that may be under test.
        """
        cls = type(self)
        if "__eq__" in cls.__copied__:
            return bool(copy_of(self) == other)
        if not cls.__own_equality__:
            return False

        def equals(value: object) -> object:
            return self.__link.request("__eq__", self, value)

        is_asked = self.__built or is_class(cls) or self.__link.guard.probes
        if is_discriminating(equals, other):
            self.__link.withheld += not is_asked
            return is_asked
        is_claimed = claims(equals, other)
        self.__link.custom_equality |= is_claimed  # it equals values that it can't know
        self.__link.withheld += is_claimed or not is_asked
        return False

    def __equals_all(self) -> bool:
        """Return whether its `__eq__` holds for random values; False if comparisons aren't probed."""
        return self.__link.guard.probes and equals_all(lambda one: self.__link.request("__eq__", self, one))

    def __deepcopy__(self, memo: object) -> object:
        return self.__link.request("__deepcopy__", self)


def asked(name: str) -> Any:
    """Make an operator that is a request to the candidate's process."""
    return lambda self, *operands: link_of(self).request(name, self, *operands)


def metadata(name: str) -> Any:
    """Make a property that reads a name of the candidate's object instead of the proxy's own."""
    return property(lambda self: attribute(link_of(self), self, name))


# The interpreter itself requires exactly an int or a str, so only the type of these is trusted.
for _name in ("__hash__", "__repr__", "__str__", "__format__", "__dir__", "__copy__"):
    setattr(Proxy, _name, asked(_name))


class Function(Proxy):
    """A function or method, with its name for messages."""

    __slots__ = ("__called", "__kind")
    __called: str
    __kind: str

    def __init__(self, link: Any, number: int, name: object, kind: object) -> None:
        super().__init__(link, number)
        object.__setattr__(self, "_Function__called", str(name))
        object.__setattr__(self, "_Function__kind", kind)

    __name__ = property(lambda self: link_of(self).request("get", self, "__name__"))
    __class__ = property(lambda self: function_type(self.__kind, Function))

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call it in the candidate's process."""
        return link_of(self).call(self, args, kwargs, self.__called)

    def __get__(self, owner: object, kind: type | None = None) -> Any:
        return self if owner is None else lambda *args, **kwargs: self(owner, *args, **kwargs)


class Instance(Proxy):
    """An object; `class_proxies` makes a subclass with operators for each of the candidate's classes."""

    __slots__ = ()


class Module(ModuleType):
    """A module of the candidate."""

    __slots__ = ("__link", "__number")
    __link: Any
    __number: int

    def __init__(self, link: Any, number: int, name: str) -> None:
        super().__init__(name)
        object.__setattr__(self, "_Module__link", link)
        object.__setattr__(self, "_Module__number", number)

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        """Copy of the candidate's names; the proxy's own names belong to the import system."""
        return self.__link.request("get", self, "__dict__")

    def __getattr__(self, name: str) -> Any:
        if name != "__all__":
            return noted(checked(self.__link, self, name, attribute(self.__link, self, name)), name)
        names = self.__link.request("__dir__", self)
        if name in names:
            return starred(self.__link, self, self.__link.request("get", self, name))
        return starred(self.__link, self, [public for public in names if not public.startswith("_")])

    def __setattr__(self, name: str, value: object) -> None:
        if name in _MARKS:
            super().__setattr__(name, value)
        else:
            self.__link.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        self.__link.request("delete", self, name)


# After the classes, whose bodies have a docstring and annotations of their own.
for _cls, _names in ((Proxy, ()), (Module, ("__doc__",)), (Function, ("__doc__", "__module__"))):
    for _name in ("__annotations__", *_names):
        setattr(_cls, _name, metadata(_name))

_MARKS = ("__spec__", "__loader__", "__package__", "__path__", "__file__", "__cached__")
"""Attributes that the import system sets on a module."""


def number_of(value: Any) -> int | None:
    """Return the candidate's number for a proxy's object; None for the checker's own values."""
    kind = type(value)
    number: int | None = None
    if issubclass(kind, Proxy):
        number = value._Proxy__number
    elif issubclass(kind, Module):
        number = value._Module__number
    elif issubclass(kind, type):
        number = _space(value).get("__far__", (None, None))[1]
    elif issubclass(kind, BaseException):
        number = vars(value).get("__far__", (None, None))[1]
    return number


def is_proxy(value: object) -> bool:
    """Whether a value stands for something of the candidate."""
    return number_of(value) is not None


def link_of(proxy: Any) -> Any:
    """Return the link of a proxy."""
    return proxy._Module__link if issubclass(type(proxy), Module) else proxy._Proxy__link


def is_built(proxy: Any) -> bool:
    """Whether the test made the object, by calling its class or by operators on such objects."""
    return bool(proxy._Proxy__built)


def noted(value: Any, name: str) -> Any:
    """Return a value; record whether a class is named as one: only then its objects are operands."""
    if isinstance(value, type) and number_of(value) is not None:
        is_class = name.lstrip("_")[:1].isupper()
        type.__setattr__(value, "__is_class__", is_class and _space(value).get("__is_class__", True))
    return value


def is_class(cls: type) -> bool:
    """Whether the test knows a proxy class, and only by names that look like a class's."""
    return bool(_space(cls).get("__is_class__", False))


def _space(cls: type) -> Any:
    """Return the class's own namespace, bypassing its metaclass."""
    return type.__dict__["__dict__"].__get__(cls)


def copy_of(proxy: Any) -> object:
    """Rebuild an object's builtin value here. Raises TypeError if it has none."""
    value: object = link_of(proxy).request("plain", proxy)
    if is_proxy(value):
        raise TypeError(f"an object of {type(proxy).__name__} without a value")
    return value


def mark_built(proxy: object) -> None:
    """Record that the test made this object."""
    object.__setattr__(proxy, "_Proxy__built", True)
