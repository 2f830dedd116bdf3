"""Convert the candidate's exceptions to exceptions of this side."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any

from sandbox.inner.bridge.codec import CodecError

_STANDARD_ERRORS = frozenset(
    (
        *(
            "asyncio.exceptions",
            "binascii",
            "concurrent.futures._base",
            "configparser",
            "_csv",
            "dataclasses",
        ),
        *("decimal", "email.errors", "graphlib", "http.client", "json.decoder", "queue", "_queue", "re"),
        *("re._constants", "shutil", "socket", "sqlite3", "statistics", "struct", "subprocess", "tarfile"),
        *("tomllib", "urllib.error", "xml.etree.ElementTree", "zipfile", "zlib", "zoneinfo._common"),
    )
)
"""Modules whose exceptions are built here. No test tool's, so that a candidate can't skip or end a test."""


def make_error(link: Any, number: int, cls: Any, args: Any, text: object) -> BaseException:
    """Make the proxy of exception `number`. Raises CodecError for invalid parts."""
    if not (isinstance(cls, type) and issubclass(cls, BaseException)) or type(args) is not tuple:
        raise CodecError("no exception")
    if type(text) is not str:
        raise CodecError("an exception without text")
    error: Any = cls.__new__(cls)
    with suppress(TypeError, ValueError):  # arguments that this class doesn't take
        error = cls.__new__(cls, *args)
        # Not cls(…) if the class is the candidate's: that would make it create a new one.
        builtin: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
        builtin.__init__(error, *args)
    vars(error)["__far__"] = (link, number, text)
    return error  # type: ignore[no-any-return]


def error_text(error: BaseException) -> str:
    """Its str(), as recorded when the candidate raised it."""
    return str(vars(error)["__far__"][2])


def error_attribute(error: BaseException, name: str) -> Any:
    """Look up any other attribute in the candidate's process. Raises AttributeError."""
    far = vars(error).get("__far__")
    if far is None or name.startswith("__"):
        raise AttributeError(name)
    return far[0].request("get", error, name)


def as_raised(error: object, where: object) -> BaseException:
    """The local exception for one that the candidate raised. Raises CodecError if it isn't one."""
    if not isinstance(error, BaseException):
        raise CodecError("something raised that is no exception")
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return RuntimeError(f"the candidate raised {type(error).__name__}")
    if type(where) is tuple:
        with suppress(ValueError, TypeError):  # an invalid place is left out
            vars(error)["__where__"] = [f"{file}, line {line}, in {name}" for file, line, name in where]
    return error


def standard_error(module: str, name: str) -> type | None:
    """The standard library's class of this name; None for a class of the candidate."""
    if module not in _STANDARD_ERRORS:
        return None
    try:
        found: object = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None
