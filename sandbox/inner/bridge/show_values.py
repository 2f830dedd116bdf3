"""Exceptions of the candidate on this side, errors that end a test, and values in messages."""

from __future__ import annotations

import importlib
import reprlib
from contextlib import suppress
from typing import Any

from sandbox.inner.bridge.codec import CodecError

MAX_SHOWN = 300
"""Characters of one value."""
_STANDARD_ERRORS = {
    *("asyncio.exceptions", "binascii", "concurrent.futures._base", "configparser", "_csv", "dataclasses"),
    *("decimal", "email.errors", "graphlib", "http.client", "json.decoder", "queue", "_queue", "re"),
    *("re._constants", "shutil", "socket", "sqlite3", "statistics", "struct", "subprocess", "tarfile"),
    *("tomllib", "urllib.error", "xml.etree.ElementTree", "zipfile", "zlib", "zoneinfo._common"),
}
"""Modules whose exceptions are built here: none of a test tool, so no candidate can skip or end a test."""


class CandidateGone(BaseException):
    """The candidate ended, timed out or broke the protocol. Not an Exception, so no test expects it.

    Args:
        cause: as a report has it: `exit` if its process ended, `cut` if an earlier request ended it.
    """

    def __init__(self, message: str, *, timed_out: bool = False, cause: str = "") -> None:
        super().__init__(message)
        self.timed_out = timed_out
        self.cause = "cut" if timed_out else cause


class NotPlain(BaseException):
    """The candidate returned something other than plain data where only that is accepted."""


class CannotCross(Exception):
    """A value can't be copied to the other side, being too large, too deep or of another kind."""


def _cut(text: str, end: str = "...") -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - len(end)]}{end}"


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 12
        self.maxstring = self.maxother = MAX_SHOWN
        self.maxlong = 80

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 10_000:  # the interpreter refuses to print more than 4,300 digits
            return f"<an int of {x.bit_length():,} bits>"
        return super().repr_int(x, level)

    def repr_instance(self, x: object, level: int) -> str:
        try:
            text = repr(x)
        except (Exception, CandidateGone) as error:  # noqa: BLE001 - a message must not fail itself
            text = f"<{type(x).__name__}, whose repr raised {type(error).__name__}>"
        return _cut(text)


_short = _Short()


def show(value: object) -> str:
    """Return a short repr of any value."""
    return _cut(_short.repr(value))


def show_error(error: BaseException) -> str:
    """Return the text of an exception."""
    try:
        return str(error)
    except (Exception, CandidateGone) as failure:  # noqa: BLE001 - its arguments may be of any kind
        return f"<its text can't be had: {type(failure).__name__}>"


def show_call(name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    """Format a call: `add(2, 3)`."""
    parts = [show(arg) for arg in args] + [f"{key}={show(value)}" for key, value in kwargs.items()]
    return _cut(f"{name}({', '.join(parts)})", "...)")


def show_request(operation: str, operands: tuple[object, ...]) -> str:
    """Describe a request other than a call."""
    if operation == "import":
        return f"import {operands[0]}"
    if operation in ("resume", "__next__"):
        return "the next item of its iterator"
    if operation == "get":
        return f"its attribute {operands[1]}"
    return f"its {operation}"


def show_compared(operation: str, operands: tuple[object, ...]) -> str:
    """Describe a comparison by one of the candidate's operators."""
    one, *others = (type(operand).__name__[:60] for operand in operands)
    return f"its class {one} decides by {operation} whether it is like {' and '.join(others) or 'something'}"


def show_kind(kind: str, value: object) -> str:
    """Describe a value that may not cross by a reference of this kind."""
    if kind != "object":
        return {"error": "an exception", "record": "a named tuple"}.get(kind, f"a {kind}")
    cls: object = type(value)
    judges = getattr(cls, "__own_equality__", False) and "__eq__" not in getattr(cls, "__copied__", ())
    why = ", which has an equality of its own," if judges else ""
    return f"an object of class {type(value).__name__[:60]}{why}"


def make_error(link: Any, number: int, cls: Any, args: Any, text: object) -> BaseException:
    """Make the proxy of exception `number`. Raises CodecError for invalid parts."""
    if not (isinstance(cls, type) and issubclass(cls, BaseException)) or type(args) is not tuple:
        raise CodecError("no exception")
    if type(text) is not str:
        raise CodecError("an exception without text")
    cls = link.errors.get(cls, cls)
    error: Any = cls.__new__(cls)
    with suppress(TypeError, ValueError):  # arguments that this class doesn't take
        error = cls.__new__(cls, *args)
        # Not cls(…) if the class is the candidate's: that would make it create a new one.
        builtin: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
        builtin.__init__(error, *args)
    vars(error)["__far__"] = (link, number, text)
    return error  # type: ignore[no-any-return]


def error_text(error: BaseException) -> str:
    """Return the error's str(), as recorded when the candidate raised it."""
    return str(vars(error)["__far__"][2])


def error_attribute(error: BaseException, name: str) -> Any:
    """Look up any other attribute in the candidate's process. Raises AttributeError."""
    far = vars(error).get("__far__")
    if far is None or name.startswith("__"):
        raise AttributeError(name)
    return far[0].request("get", error, name)


def as_raised(error: object, where: object) -> BaseException:
    """Return the local exception for one that the candidate raised. Raises CodecError if it isn't one."""
    if not isinstance(error, BaseException):
        raise CodecError("something raised that is no exception")
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return RuntimeError(f"the candidate raised {type(error).__name__}")
    if type(where) is tuple:
        with suppress(ValueError, TypeError):  # an invalid place is left out
            vars(error)["__where__"] = [f"{file}, line {line}, in {name}" for file, line, name in where]
    return error


def standard_error(module: str, name: str) -> type | None:
    """Return the standard library's class of this name; None for a class of the candidate."""
    if module not in _STANDARD_ERRORS:
        return None
    try:
        value: object = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return value if isinstance(value, type) and issubclass(value, BaseException) else None
