"""Uses of the checker's objects by a candidate: which are always allowed, and which count as the same."""

from __future__ import annotations

import types

from sandbox.inner.bridge.operators import EQUALITY, IN_PLACE, ORDER, REFLECTED

CLOSED = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType, type)
STEPWISE = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
STEPS = ("send", "throw", "close", "asend", "athrow", "aclose")
"""The only permitted attributes of STEPWISE objects: others lead to a frame."""
PLAIN = ("builtins", "itertools", "_io", "re", "collections.abc")
"""Modules whose objects only hold data or yield items: iterators, files, matches, views."""
FILES = "_io"
READING_FILES = frozenset(
    {"read", "read1", "readall", "readinto", "readinto1", "readline", "readlines", "peek", "getvalue"}
    | {"seek", "tell", "flush", "close", "closed", "readable", "writable", "seekable", "isatty", "fileno"}
    | {"name", "mode", "encoding", "errors", "newlines", "line_buffering", "buffer", "raw"}
)
"""Attributes of files that leave their content as it is."""
SAME = {"writelines": "write"}
"""Attributes of files that count as another attribute with the same effect."""
COPIES = ("__copy__", "__deepcopy__")
TEXTS = ("__repr__", "__str__", "__format__")
OPERANDS = ((tuple, dict), (str, tuple))
"""Operand types of a call, and of an operator."""
CONTENT = ("__getitem__", "__iter__", "__contains__", "__len__", "__reversed__")
"""Operators that read a container; an answer may choose any of them."""
USES = {
    **dict.fromkeys(EQUALITY, "equate"),
    **dict.fromkeys(ORDER, "order"),
    **dict.fromkeys((*IN_PLACE, "__setitem__"), "change"),
    "__delitem__": "remove",
    **dict.fromkeys(("__str__", "__format__"), "show"),
    **dict.fromkeys(CONTENT, "read"),
    **dict.fromkeys(("__enter__", "__exit__", "__aenter__", "__aexit__"), "enter"),
    **dict.fromkeys(("__next__", "__anext__"), "step"),
    "__call__": "call",
    **REFLECTED,
}
"""Uses that stand for several operators; any other operator is a use of its own."""
PROTOCOLS = {
    name: use
    for use, names in {
        "read": "keys values items get index count read readline readlines readinto readable peek tell seek "
        "get_nowait empty full qsize",
        "write": "write writelines writable flush",
        "change": "update setdefault append appendleft extend insert add put put_nowait",
        "remove": "pop popleft popitem remove discard clear",
        "enter": "close acquire release locked",
    }.items()
    for name in names.split()
}
"""Uses of methods of mappings, sequences, files, queues and locks; an answer may choose any of one use."""
_WHOLE = ("__getitem__", "__iter__", "readline", "write", "put")
"""Methods that identify containers, files and queues: each has at least one of these."""
CHANGING = frozenset({"set", "change", "remove", "write", "step", "drain"})
ACTING = CHANGING | {"call", "enter"}
"""Uses by which an answer does more than look."""


def is_protocol(kind: type, name: str) -> bool:
    """Whether `name` is a method of `PROTOCOLS`, of a class that is a container, file, queue or lock."""
    is_whole = PROTOCOLS.get(name) == "enter" or any(hasattr(kind, one) for one in _WHOLE)
    return is_whole and name in PROTOCOLS and callable(getattr(kind, name, None))


def shows(value: object, name: str) -> bool:
    """Whether an object shows an attribute of this name, if that use is permitted."""
    if isinstance(value, STEPWISE):
        return name in STEPS
    return not isinstance(value, CLOSED) and not name.startswith("_")


def is_failure(error: BaseException) -> bool:
    """Whether an error is a failed assertion, or one that tests don't expect, such as pytest's own."""
    return isinstance(error, AssertionError) or not isinstance(error, (Exception, GeneratorExit))
