"""Uses of the checker's objects by a candidate: which are free, and which count as the same."""

from __future__ import annotations

import types

from sandbox.inner.bridge.operators import BINARY, COMPARISONS, IN_PLACE

CLOSED = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType, type)
STEPWISE = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
STEPS = ("send", "throw", "close", "asend", "athrow", "aclose")
"""The only attributes these show: others lead to a frame."""
PLAIN = ("builtins", "itertools", "_io", "re", "collections.abc")
"""Modules whose objects only hold data or give items: iterators, files, matches, views."""
FILES = "_io"
READING_FILES = frozenset(
    {"read", "read1", "readall", "readinto", "readinto1", "readline", "readlines", "peek", "getvalue"}
    | {"seek", "tell", "flush", "close", "closed", "readable", "writable", "seekable", "isatty", "fileno"}
    | {"name", "mode", "encoding", "errors", "newlines", "line_buffering", "buffer", "raw"}
)
"""Attributes of files that leave their content as it is."""
SAME = {"writelines": "write"}
"""Attributes of files, by others that do the same."""
COPIES = ("__copy__", "__deepcopy__")
FREE = frozenset({"__bool__", "__len__", "__hash__"})
"""Operators that reveal and change nothing of an object; nor does equality with None."""
TEXTS = ("__repr__", "__str__", "__format__")
OPERANDS = ((tuple, dict), (str, tuple))
"""Operand types of a call, and of an operator."""
USES = {
    **dict.fromkeys(COMPARISONS, "compare"),
    **dict.fromkeys((*IN_PLACE, "__setitem__"), "change"),
    "__delitem__": "remove",
    **dict.fromkeys(("__repr__", "__str__", "__format__", "__dir__"), "show"),
    **dict.fromkeys(BINARY, "compute"),
    **dict.fromkeys(("__enter__", "__exit__", "__aenter__", "__aexit__"), "enter"),
    "__call__": "call",
}
"""Effect of an operator; any other one reads."""
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
LOOKING = frozenset({"get", "read", "show", "compare", "compute"})
CHANGING = frozenset({"set", "change", "remove", "write"})
