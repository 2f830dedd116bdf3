"""Detect suspicious actions of code under test beside its tests, and report each before it happens.

An audit hook can't be removed. An alarm proves nothing: honest code reads frames, too. Actions without an
audit event, such as assigning an attribute of the test tool, aren't detected. This file is self-contained:
programs also run it from its source.
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
"""Maximum alarms of one process; further ones aren't reported."""
_MAX_PLACE = 120
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
_UNSAFE_MODULES = frozenset(
    {
        *("_ctypes", "ctypes", "_cffi_backend", "cffi", "_testcapi", "_testinternalcapi"),
        *("_xxsubinterpreters", "_interpreters"),
    }
)
_TRUSTED_FUNCTIONS = (
    ("/collections/__init__.py", "namedtuple"),
    ("/enum.py", ""),
    ("/inspect.py", "_signature_from_function"),
    ("/inspect.py", "_has_code_flag"),
    ("/subprocess.py", "_args_from_interpreter_flags"),
    ("/types.py", "coroutine"),
    ("/typing.py", ""),
    ("/warnings.py", ""),
)
"""Functions or whole modules of the standard library that don't pass on the frames they read."""
_FRAME_RETURNERS = ("/traceback.py", "/inspect.py", "/logging/__init__.py", "/asyncio/", "/dis.py")
"""Modules that return frames to their direct caller, but only text to indirect callers."""


def watch(say: Callable[[str, str], None], tests: frozenset[str], guarded: frozenset[str]) -> None:
    """Install a hook that calls `say(what, where)` once for each alarm that the candidate's code sets off.

    The interpreter's own files and tests are trusted.

    Args:
        tests: File names under which test code is compiled.
        guarded: Names, in any folder, of files that only the test tool has to open.
    """
    # Closures: the candidate can change modules and classes, but not variables of closures.
    getframe, ident, kinds, attributes = sys._getframe, _thread.get_ident, dict(_KINDS), dict(_ATTRIBUTES)
    trusted = tuple(_find_trusted_prefixes())

    def owner(name: str) -> str:
        if name in tests:
            return "test"
        return "machinery" if name.startswith(trusted) else "candidate"

    is_relevant, locate = _make_relevance_filter(owner, attributes, guarded), _make_locator(owner)
    own_lookups: set[int] = set()
    reported: set[tuple[str, str]] = set()

    def hook(event: str, args: tuple[Any, ...]) -> None:
        kind = kinds.get(event)
        if kind is None or (event in attributes and args[1] not in attributes[event]):
            return
        thread = ident()
        if thread in own_lookups and event == "sys._getframe":
            own_lookups.discard(thread)
            return
        if not is_relevant(kind, event, args):
            return
        own_lookups.add(thread)
        frame: FrameType | None = getframe(1)
        own_lookups.discard(thread)
        place = locate(kind, event, args, frame)
        if place is not None and len(reported) < MOST and (kind, place) not in reported:
            reported.add((kind, place))
            say(kind, place)

    sys.addaudithook(hook)


def _make_relevance_filter(
    owner: Callable[[str], str], attributes: dict[str, frozenset[str]], guarded: frozenset[str]
) -> Callable[[str, str, tuple[Any, ...]], bool]:
    """Make a function that returns whether an event matters, before its cause is known."""
    fspath, text, ways_out, code = os.fspath, _make_text_converter(), _UNSAFE_MODULES, _CODE

    def is_relevant(kind: str, event: str, args: tuple[Any, ...]) -> bool:
        if event == "import":
            return str(args[0]).partition(".")[0] in ways_out
        if kind == "test files":
            return any(is_guarded(path) for path in args[:2])
        if event in ("compile", "code.__new__"):
            return owner(text(args[1])) != "candidate"
        if event in attributes and args[1] in code:
            namespace = getattr(args[0], "__globals__", None)
            return type(namespace) is not dict or owner(str(namespace.get("__file__"))) != "candidate"
        return True

    def is_guarded(path: object) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        text_path = text(fspath(path))
        _, _, name = text_path.rpartition("/")
        return name in guarded or name == "mem" or (text_path.startswith("/proc/") and name == "maps")

    return is_relevant


def _make_locator(
    owner: Callable[[str], str],
) -> Callable[[str, str, tuple[Any, ...], FrameType | None], str | None]:
    """Make a function that locates the candidate's code that caused an event; None if other code may have."""
    folder_prefix, is_own_use, global_events = os.getcwd() + "/", _make_library_use_filter(), _ALL

    def locate(kind: str, event: str, args: tuple[Any, ...], frame: FrameType | None) -> str | None:
        inner: list[tuple[str, str]] = []
        while frame is not None:
            name, function = frame.f_code.co_filename, frame.f_code.co_name
            code_owner = owner(name)
            if code_owner == "test":
                return None
            if code_owner == "candidate":
                if is_own_use(kind, event, args, inner):
                    return None
                return f"{name[len(folder_prefix) :] if name.startswith(folder_prefix) else name}:{function}"[
                    :_MAX_PLACE
                ]
            inner.append((name, function))
            frame = frame.f_back
        # A thread may have no frames above.
        is_global = kind == "objects of others" or event in global_events
        return f"{inner[0][0]}:{inner[0][1]}"[:_MAX_PLACE] if inner and is_global else None

    return locate


def _make_library_use_filter() -> Callable[[str, str, tuple[Any, ...], list[tuple[str, str]]], bool]:
    """Make a function that returns whether library code called by the candidate caused an event by itself."""
    open_file, text, trusted_functions, frame_givers = (
        open,
        _make_text_converter(),
        _TRUSTED_FUNCTIONS,
        _FRAME_RETURNERS,
    )

    def is_own_use(kind: str, event: str, args: tuple[Any, ...], inner: list[tuple[str, str]]) -> bool:
        if not inner or kind in ("another program", "test files"):
            return False
        name, function = inner[0]
        if event == "compile":
            return not name.startswith("<frozen importlib") or is_stored_source(args)
        if kind == "memory":
            return any(
                not file_name.startswith("<frozen ") and "/ctypes/" not in file_name for file_name, _ in inner
            )
        if kind in ("code under another name", "tracing", "objects of others"):
            return True
        if any(
            name.endswith(file) and trusted_name in ("", function) for file, trusted_name in trusted_functions
        ):
            return True
        text_only = any(part in name for part in frame_givers)
        return len(inner) > 1 and (text_only or ("-packages/" in name and "pytest" not in name))

    def is_stored_source(args: tuple[Any, ...]) -> bool:
        try:
            with open_file(text(args[1]), "rb") as file:
                return bool(file.read() == args[0])
        except OSError:
            return False

    return is_own_use


def _make_text_converter() -> Callable[[object], str]:
    """Make a function that converts a file name to text."""
    return lambda value: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _find_trusted_prefixes() -> Iterator[str]:
    """Yield the prefixes of the interpreter's own file names."""
    yield "<frozen "
    packages = [folder for folder in sys.path if folder.rstrip("/").endswith(("-packages", "/lib-dynload"))]
    for folder in {*sysconfig.get_paths().values(), os.path.dirname(os.__file__), *packages}:
        if folder and folder != "/":
            yield folder.rstrip("/") + "/"
