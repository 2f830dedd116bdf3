"""Values in messages: their repr, short, and never an error of its own."""

from __future__ import annotations

import reprlib

from sandbox.inner.bridge.link_errors import CandidateGone

MAX_SHOWN = 300
"""Characters of one value."""


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
        return text if len(text) <= self.maxother else f"{text[: self.maxother - 3]}..."


_short = _Short()


def show(value: object) -> str:
    """Short repr of any value."""
    text = _short.repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def show_error(error: BaseException) -> str:
    """What an exception says of itself; of what can't be said, that."""
    try:
        return str(error)
    except (Exception, CandidateGone) as failure:  # noqa: BLE001 - its arguments may be of any kind
        return f"<its text can't be had: {type(failure).__name__}>"


def show_call(name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    """How a call is written: `add(2, 3)`."""
    parts = [show(arg) for arg in args] + [f"{key}={show(value)}" for key, value in kwargs.items()]
    text = f"{name}({', '.join(parts)})"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 4]}...)"


def show_request(operation: str, operands: tuple[object, ...]) -> str:
    """What a candidate is asked for other than a call, in a message's words."""
    if operation == "import":
        return f"import {operands[0]}"
    if operation in ("resume", "__next__"):
        return "the next item of its iterator"
    if operation == "get":
        return f"its attribute {operands[1]}"
    return f"its {operation}"


def show_kind(kind: str, value: object) -> str:
    """What a value is called that may not cross by a reference of this kind, with its article."""
    if kind != "object":
        return _WITH_ARTICLE.get(kind, f"a {kind}")
    cls: object = type(value)
    judges = getattr(cls, "__own_equality__", False) and "__eq__" not in getattr(cls, "__copied__", ())
    why = ", which has an equality of its own," if judges else ""
    return f"an object of class {type(value).__name__[:60]}{why}"


_WITH_ARTICLE = {"error": "an exception", "record": "a named tuple"}
