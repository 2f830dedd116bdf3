"""Notices what code under test does beside its tests without an honest reason, and says so before it is done.

An audit hook can't be taken out again. It proves nothing: who looks at frames may only be curious. What
raises no audit event, such as a plain assignment to an attribute of the test tool, goes unseen.
This file stands by itself: it is also run from its source.
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
_FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
_CODE = frozenset({"__code__", "__defaults__", "__kwdefaults__"})
_ATTRIBUTES = {"object.__getattr__": _FRAMES | _CODE, "object.__setattr__": _CODE}
_ALL = frozenset({"sys._current_frames", "sys._current_exceptions"})
_OBJECTS = frozenset({"gc.get_objects", "gc.get_referrers", "gc.get_referents"})
_TRACING = frozenset(
    {"sys.settrace", "sys.setprofile", "sys.addaudithook", "sys.monitoring.register_callback"}
)
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn"})
_FILES = frozenset({"open", "os.remove", "os.rename", "os.truncate", "os.link", "os.symlink", "os.chmod"})
_CODE_MADE = frozenset({"compile", "code.__new__", "marshal.loads", "marshal.load"})
_MEMORY = frozenset(
    {
        *("import", "ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.call_function"),
        *(
            "ctypes.addressof",
            "ctypes.cdata",
            "ctypes.cdata/buffer",
            "ctypes.string_at",
            "ctypes.PyObj_FromPtr",
        ),
    }
)
_KINDS = {
    "sys._getframe": "frames",
    **dict.fromkeys(_ALL, "frames"),
    **dict.fromkeys(_ATTRIBUTES, "frames and code"),
    **dict.fromkeys(_OBJECTS, "objects of others"),
    **dict.fromkeys(_TRACING, "tracing"),
    **dict.fromkeys(_PROGRAMS, "another program"),
    **dict.fromkeys(_FILES, "test files"),
    **dict.fromkeys(_CODE_MADE, "code under another name"),
    **dict.fromkeys(_MEMORY, "memory"),
}
"""What is watched, and what it is called."""
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
"""Functions of the standard library, or whole modules, that keep to themselves what they see of frames."""
_GIVES_AWAY = ("/traceback.py", "/inspect.py", "/logging/__init__.py", "/asyncio/", "/dis.py")
"""These hand a frame to who calls them directly; who calls what stands above gets only text."""


def watch(say: Callable[[str, str], None], tests: frozenset[str], guarded: frozenset[str]) -> None:
    """Call `say(what, where)` from now on, once for each, when code that isn't trusted trips.

    Trusted are the interpreter's own files, and tests.

    Args:
        tests: names of files by which the code of tests is compiled.
        guarded: names of files that only the test tool has to open, in whatever folder.
    """
    # Looked up once: what is changed later, elsewhere, is none of ours. So is every part made once, below.
    getframe, ident, kinds, attributes = sys._getframe, _thread.get_ident, dict(_KINDS), dict(_ATTRIBUTES)
    owner = _owners(tests)
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
        if not counts(event, args):
            return
        ours.add(me)
        frame: FrameType | None = getframe(1)
        ours.discard(me)
        where = place(event, args, frame)
        if where is not None and len(said) < MOST and (kind, where) not in said:
            said.add((kind, where))
            say(kind, where)

    sys.addaudithook(hook)


def _owners(tests: frozenset[str]) -> Callable[[str], str]:
    """Says whose code it is by the name of its file."""
    trusted = tuple(_trusted())

    def owner(name: str) -> str:
        if name in tests:
            return "test"
        return "machinery" if name.startswith(trusted) else "candidate"

    return owner


def _filter(
    owner: Callable[[str], str], attributes: dict[str, frozenset[str]], guarded: frozenset[str]
) -> Callable[[str, tuple[Any, ...]], bool]:
    """Says whether an event could be of interest, whoever brings it about."""
    fspath, text = os.fspath, _texts()

    def counts(event: str, args: tuple[Any, ...]) -> bool:
        if event == "import":
            return str(args[0]).partition(".")[0] in _WAYS_OUT
        if event in _FILES:
            return any(is_guarded(one) for one in args[:2])
        if event in ("compile", "code.__new__"):
            return owner(text(args[1])) != "candidate"
        if event in attributes and args[1] in _CODE:
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
) -> Callable[[str, tuple[Any, ...], FrameType | None], str | None]:
    """Says where the candidate's code stands that brought it about; None for what others did, or may be."""
    here, honest = os.getcwd() + "/", _excuses()

    def place(event: str, args: tuple[Any, ...], frame: FrameType | None) -> str | None:
        inner: list[tuple[str, str]] = []
        while frame is not None:
            name, function = frame.f_code.co_filename, frame.f_code.co_name
            whose = owner(name)
            if whose == "test":
                return None
            if whose == "candidate":
                if honest(event, args, inner):
                    return None
                return f"{name[len(here) :] if name.startswith(here) else name}:{function}"[:_LONGEST]
            inner.append((name, function))
            frame = frame.f_back
        # A thread of its own, perhaps, which shows nobody's code above.
        return f"{inner[0][0]}:{inner[0][1]}"[:_LONGEST] if inner and event in (_ALL | _OBJECTS) else None

    return place


def _excuses() -> Callable[[str, tuple[Any, ...], list[tuple[str, str]]], bool]:
    """Says whether the machinery between did it for itself."""
    read, text = open, _texts()

    def honest(event: str, args: tuple[Any, ...], inner: list[tuple[str, str]]) -> bool:
        if not inner or event in _PROGRAMS or event in _FILES:
            return False
        name, function = inner[0]
        if event == "compile":
            return not name.startswith("<frozen importlib") or is_as_stored(args)
        if event in _MEMORY:
            return any(not one.startswith("<frozen ") and "/ctypes/" not in one for one, _ in inner)
        if event in _CODE_MADE or event in _TRACING or event in _OBJECTS:
            return True
        if any(name.endswith(file) and wanted in ("", function) for file, wanted in _HONEST):
            return True
        text_only = any(part in name for part in _GIVES_AWAY)
        return len(inner) > 1 and (text_only or ("-packages/" in name and "pytest" not in name))

    def is_as_stored(args: tuple[Any, ...]) -> bool:
        try:
            with read(text(args[1]), "rb") as file:
                return bool(file.read() == args[0])
        except OSError:
            return False

    return honest


def _texts() -> Callable[[object], str]:
    """Says a name of a file in characters."""

    def text(value: object) -> str:
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    return text


def _trusted() -> Iterator[str]:
    """What the names of the interpreter's own files begin with."""
    yield "<frozen "
    packages = [place for place in sys.path if place.rstrip("/").endswith(("-packages", "/lib-dynload"))]
    for place in {*sysconfig.get_paths().values(), os.path.dirname(os.__file__), *packages}:
        if place and place != "/":
            yield place.rstrip("/") + "/"
