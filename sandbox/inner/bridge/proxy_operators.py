"""Operators of proxy classes: each asks the candidate's process, where the test may trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.operators import (
    BINARY,
    CONTAINS,
    IN_PLACE,
    METHODS,
    OPERATORS,
    ORDER,
    PLAIN,
    REFLECTED,
)
from sandbox.inner.bridge.proxies import asked, copy_of, is_built, is_proxy, link_of, mark_built
from sandbox.inner.bridge.record_fields import link_of_class
from sandbox.inner.bridge.steps import coroutine

if TYPE_CHECKING:
    from collections.abc import Callable

_JUDGING = {**BINARY, **IN_PLACE, **ORDER, **CONTAINS}


def operators_of_instances(names: tuple[str, ...], copied: tuple[str, ...]) -> dict[str, Any]:
    """Operators of a proxy class, for these of the candidate's; `copied` are done on a copy."""
    space: dict[str, Any] = {name: asked(name) for name in (*PLAIN, *METHODS) if name in names}
    space.update((name, _guarded(name)) for name in _JUDGING if name in names)
    space.update((name, _reflected(name, plain)) for name, plain in REFLECTED.items() if name in names)
    if "unhashable" in names:
        space["__hash__"] = None
    space["__own_equality__"] = "__eq__" in names or "__ne__" in names
    space["__copied__"] = copied
    if "__hash__" in copied:
        space["__hash__"] = lambda self: hash(copy_of(self))
    if "__call__" in names:
        space["__call__"] = lambda self, *args, **kwargs: link_of(self).call(
            self, args, kwargs, type(self).__name__
        )
    if "__exit__" in names:
        space["__exit__"] = _leave
    if "__aexit__" in names:
        space["__aexit__"] = _leave_later
    if "__await__" in names:
        space["__await__"] = lambda self: coroutine(link_of(self), self).__await__()
    return space


def class_operators_of(names: tuple[str, ...]) -> dict[str, Any]:
    """Operators of the class of a proxy class (`len(Color)`)."""
    return {
        name: lambda cls, *operands, name=name: link_of_class(cls).request(name, cls, *operands)
        for name in (*PLAIN, "__contains__", "__or__")
        if name in names
    }


def _leave(self: Any, kind: type | None, error: BaseException | None, trace: object) -> bool:
    """Leave a `with` block: the candidate may swallow an error, but not the test's own failure."""
    swallow = link_of(self).request("__exit__", self, kind, error, None)
    return bool(swallow) and _may_swallow(error)


async def _leave_later(self: Any, kind: type | None, error: BaseException | None, trace: object) -> bool:
    swallow = await link_of(self).request("__aexit__", self, kind, error, None)
    return bool(swallow) and _may_swallow(error)


def _may_swallow(error: BaseException | None) -> bool:
    return isinstance(error, Exception) and not isinstance(error, AssertionError)


def _guarded(name: str) -> Callable[..., Any]:
    def asked(self: Any, other: object, *more: object) -> object:
        if name in type(self).__copied__ and not is_proxy(other):
            return OPERATORS[name](copy_of(self), other, *more)
        if not (is_built(self) or is_proxy(other)):
            if name == "__contains__" and hasattr(type(self), "__iter__"):
                return any(item is other or item == other for item in self)
            raise _not_for(self, name)
        return _inherit(self, link_of(self).request(name, self, other, *more))

    return asked


def _reflected(name: str, plain: str) -> Callable[..., Any]:
    def asked(self: Any, other: object) -> object:
        if name in type(self).__copied__ and not is_proxy(other):
            return OPERATORS[plain](other, copy_of(self))
        if not (is_built(self) or is_proxy(other)):
            raise _not_for(self, name)
        return _inherit(self, link_of(self).request(plain, other, self))

    return asked


def _inherit(operand: Any, result: object) -> object:
    if is_built(operand) and type(result) is type(operand):
        mark_built(result)
    return result


def _not_for(value: object, name: str) -> TypeError:
    return TypeError(
        f"the candidate returned an object of its own class {type(value).__name__}, "
        f"which can't be compared or computed with the test's own data ({name})"
    )
