"""Detect suspicious actions of code under test beside its tests, and report each before it happens.

An audit hook can't be removed. It proves nothing: reading frames may be mere curiosity. Actions without an
audit event, such as assigning an attribute of the test tool, go unseen. This file is self-contained: it is
also run from its source.
"""

from __future__ import annotations

import _thread
import os
import sys
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

MOST = 16
"""Alarms of one process; more say nothing new."""
_LONGEST = 120
_CODE = frozenset({"__code__", "__defaults__", "__kwdefaults__"})
_ATTRIBUTES = {
    "object.__getattr__": _CODE | {"tb_frame", "gi_frame", "cr_frame", "ag_frame"},
    "object.__setattr__": _CODE,
}
_ALL = ("sys._current_frames", "sys._current_exceptions")
_EVENTS = {
    "frames": ("sys._getframe", *_ALL),
    "frames and code": tuple(_ATTRIBUTES),
    "objects of others": ("gc.get_objects", "gc.get_referrers", "gc.get_referents"),
    "tracing": ("sys.settrace", "sys.setprofile", "sys.addaudithook", "sys.monitoring.register_callback"),
    "another program": ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn"),
    "test files": ("open", "os.remove", "os.rename", "os.truncate", "os.link", "os.symlink", "os.chmod"),
    "code under another name": ("compile", "code.__new__", "marshal.loads", "marshal.load"),
    "memory": (
        *("import", "ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.call_function"),
        *("ctypes.addressof", "ctypes.cdata", "ctypes.cdata/buffer", "ctypes.string_at"),
        "ctypes.PyObj_FromPtr",
    ),
}
_KINDS = {event: kind for kind, events in _EVENTS.items() for event in events}
"""Watched audit events, and their names in alarms."""
_WAYS_OUT = frozenset(
    {
        *("_ctypes", "ctypes", "_cffi_backend", "cffi", "_testcapi", "_testinternalcapi"),
        *("_xxsubinterpreters", "_interpreters"),
    }
)
_HONEST = (
    ("/collections/__init__.py", "namedtuple"),
    ("/enum.py", ""),
    ("/inspect.py", "_signature_from_function"),
    ("/inspect.py", "_has_code_flag"),
    ("/subprocess.py", "_args_from_interpreter_flags"),
    ("/types.py", "coroutine"),
    ("/typing.py", ""),
    ("/warnings.py", ""),
)
"""Functions or whole modules of the standard library that keep the frames they see to themselves."""
_GIVES_AWAY = ("/traceback.py", "/inspect.py", "/logging/__init__.py", "/asyncio/", "/dis.py")
"""These give a frame to their direct caller; indirect callers get only text."""


def watch(say: Callable[[str, str], None], tests: frozenset[str], guarded: frozenset[str]) -> None:
    """From now on call `say(what, where)` once for each alarm that the candidate's code sets off.

    The interpreter's own files and tests are trusted.

    Args:
        tests: File names under which test code is compiled.
        guarded: Names, in any folder, of files that only the test tool has to open.
    """
    # Closures, made once: the candidate can change modules and classes, but not these.
    getframe, ident, kinds, attributes = sys._getframe, _thread.get_ident, dict(_KINDS), dict(_ATTRIBUTES)
    trusted = tuple(_trusted())

    def owner(name: str) -> str:
        if name in tests:
            return "test"
        return "machinery" if name.startswith(trusted) else "candidate"

    counts, place = _filter(owner, attributes, guarded), _finder(owner)
    ours: set[int] = set()
    said: set[tuple[str, str]] = set()

    def hook(event: str, args: tuple[Any, ...]) -> None:
        kind = kinds.get(event)
        if kind is None or (event in attributes and args[1] not in attributes[event]):
            return
        me = ident()
        if me in ours and event == "sys._getframe":
            ours.discard(me)
            return
        if not counts(kind, event, args):
            return
        ours.add(me)
        frame: FrameType | None = getframe(1)
        ours.discard(me)
        where = place(kind, event, args, frame)
        if where is not None and len(said) < MOST and (kind, where) not in said:
            said.add((kind, where))
            say(kind, where)

    sys.addaudithook(hook)


def _filter(
    owner: Callable[[str], str], attributes: dict[str, frozenset[str]], guarded: frozenset[str]
) -> Callable[[str, str, tuple[Any, ...]], bool]:
    """Make a predicate: whether an event is relevant, whatever code causes it."""
    fspath, text, ways_out, code = os.fspath, _text(), _WAYS_OUT, _CODE

    def counts(kind: str, event: str, args: tuple[Any, ...]) -> bool:
        if event == "import":
            return str(args[0]).partition(".")[0] in ways_out
        if kind == "test files":
            return any(is_guarded(one) for one in args[:2])
        if event in ("compile", "code.__new__"):
            return owner(text(args[1])) != "candidate"
        if event in attributes and args[1] in code:
            space = getattr(args[0], "__globals__", None)
            return type(space) is not dict or owner(str(space.get("__file__"))) != "candidate"
        return True

    def is_guarded(path: object) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        place = text(fspath(path))
        _, _, name = place.rpartition("/")
        return name in guarded or name == "mem" or (place.startswith("/proc/") and name == "maps")

    return counts


def _finder(
    owner: Callable[[str], str],
) -> Callable[[str, str, tuple[Any, ...], FrameType | None], str | None]:
    """Make a function that locates the candidate's code behind an event; None if others may be."""
    here, honest, of_all = os.getcwd() + "/", _library_use_filter(), _ALL

    def place(kind: str, event: str, args: tuple[Any, ...], frame: FrameType | None) -> str | None:
        inner: list[tuple[str, str]] = []
        while frame is not None:
            name, function = frame.f_code.co_filename, frame.f_code.co_name
            whose = owner(name)
            if whose == "test":
                return None
            if whose == "candidate":
                if honest(kind, event, args, inner):
                    return None
                return f"{name[len(here) :] if name.startswith(here) else name}:{function}"[:_LONGEST]
            inner.append((name, function))
            frame = frame.f_back
        # A thread may have no frames above.
        is_of_all = kind == "objects of others" or event in of_all
        return f"{inner[0][0]}:{inner[0][1]}"[:_LONGEST] if inner and is_of_all else None

    return place


def _library_use_filter() -> Callable[[str, str, tuple[Any, ...], list[tuple[str, str]]], bool]:
    """Make a predicate: whether library code in between caused the event for its own purposes."""
    read, text, harmless, gives_away = open, _text(), _HONEST, _GIVES_AWAY

    def honest(kind: str, event: str, args: tuple[Any, ...], inner: list[tuple[str, str]]) -> bool:
        if not inner or kind in ("another program", "test files"):
            return False
        name, function = inner[0]
        if event == "compile":
            return not name.startswith("<frozen importlib") or is_as_stored(args)
        if kind == "memory":
            return any(not one.startswith("<frozen ") and "/ctypes/" not in one for one, _ in inner)
        if kind in ("code under another name", "tracing", "objects of others"):
            return True
        if any(name.endswith(file) and wanted in ("", function) for file, wanted in harmless):
            return True
        text_only = any(part in name for part in gives_away)
        return len(inner) > 1 and (text_only or ("-packages/" in name and "pytest" not in name))

    def is_as_stored(args: tuple[Any, ...]) -> bool:
        try:
            with read(text(args[1]), "rb") as file:
                return bool(file.read() == args[0])
        except OSError:
            return False

    return honest


def _text() -> Callable[[object], str]:
    """Make a function that converts a file name to text."""
    return lambda value: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _trusted() -> Iterator[str]:
    """Prefixes of the interpreter's own file names."""
    yield "<frozen "
    packages = [place for place in sys.path if place.rstrip("/").endswith(("-packages", "/lib-dynload"))]
    for place in {*sysconfig.get_paths().values(), os.path.dirname(os.__file__), *packages}:
        if place and place != "/":
            yield place.rstrip("/") + "/"
