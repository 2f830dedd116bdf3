"""Run the program: Python source as `__main__`, a command by exec, or a trusted entry with a channel.

The process is already confined; the server's modules are removed before the program begins.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import signal
import socket
import sys
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any

from sandbox.inner.process.wire import Channel

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""A shell's exit codes for a command that can't be started."""
_FORGOTTEN: dict[str, types.ModuleType] = {}
_PLACES: list[str] = []
_PRELOADED: dict[str, types.ModuleType] = {}
_SEEDED = ("random", "numpy.random", "torch")
"""Modules with a random state that fork copies; each has a function `seed`."""
_FLUSH_FAILED_EXIT_CODE = 120
"""Python's exit code if output can't be written at the end."""


def execute(job: dict[str, Any], descriptors: list[int]) -> int:
    """Do the job of this child and return its exit code; a command replaces the process."""
    channel = _take_descriptors(job, descriptors)
    return become(job, None if channel < 0 else Channel(socket.socket(fileno=channel)))


def become(job: dict[str, Any], channel: Channel | None) -> int:
    """Do the job as `execute` does; its descriptors are in place already. An entry needs a channel."""
    os.environ.clear()
    os.environ.update(job["environment"])
    kind, workspace = job["kind"], os.getcwd()
    if kind != "entry" and job["cwd"] != ".":
        try:
            os.chdir(job["cwd"])
        except OSError as error:  # the host has checked it before
            sys.stderr.write(f"cd: {job['cwd']}: {error.strerror}\n")
            return 1
    if kind == "command":
        return _run_command(job["argv"])
    if kind == "script":
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return _run_command([shell, "-c", *job["argv"]])
    if kind == "python":
        _exit_fast(_run_python(job["source"], job["filename"], job["arguments"]), workspace)
    assert channel is not None
    return _run_entry(job["entry"], job["arguments"], channel)


def _take_descriptors(job: dict[str, Any], descriptors: list[int]) -> int:
    """Put stdout, stderr and stdin in place; return the channel's descriptor, or -1."""
    stdout, stderr, *rest = descriptors
    stdin = rest.pop(0) if job["stdin"] else os.open("/dev/null", os.O_RDONLY)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.dup2(stdin, 0)
    channel = -1
    if rest:
        channel = os.dup2(rest[0], 3, inheritable=False)
    os.closerange(3 if channel < 0 else 4, os.sysconf("SC_OPEN_MAX"))
    return channel


def _run_command(argv: list[str]) -> int:
    name = argv[0]
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    places = [name] if "/" in name else [os.path.join(folder, name) for folder in folders if name]
    for signal_number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signal_number, signal.SIG_DFL)  # Python ignores these, other programs don't
    first_error: OSError | None = None
    for place in places:
        try:
            os.execve(place, argv, os.environ)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            first_error = first_error or error
    if first_error is None:
        sys.stderr.write(f"{name}: command not found\n")
        return NOT_FOUND
    sys.stderr.write(f"{name}: {first_error.strerror}\n")
    return NOT_EXECUTABLE


def _run_python(source: str, filename: str, arguments: list[str]) -> int:
    import linecache  # here: commands need neither; and before the program's own folders are on the path
    import traceback

    print_exception = traceback.print_exception
    path = os.path.join(os.getcwd(), filename)
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.argv = [filename, *arguments]
    sys.path[:] = [
        os.path.dirname(path),
        *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)),
        *sys.path,
    ]
    if "sandbox" in sys.modules:
        forget_server()
    if _PRELOADED:
        _empty_callers_of_libc()
    recall_preloaded()
    del sys.modules["__main__"]  # so that `__main__` comes last
    sys.modules["__main__"] = module
    lines = source.splitlines(keepends=True)
    linecache.cache[path] = (len(source), None, lines, path)  # for tracebacks
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except SystemExit as error:
        return exit_code(error.code)
    except BaseException as error:  # noqa: BLE001 - any exception of a program is shown, as Python does
        return _report(error, print_exception)
    return 0


def _run_entry(entry: str, arguments: dict[str, Any], channel: Channel) -> int:
    remember_server()
    importlib.import_module(f"sandbox.inner.{entry}").main(channel, arguments)
    return 0


def _exit_fast(code: int, workspace: str) -> None:
    """Exit as Python does, without freeing the server's modules, which costs more than most runs."""
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    new = takewhile(lambda name: name != "__main__", reversed(sys.modules))  # in order of import
    for name in [*new, "__main__"]:
        module = sys.modules.get(name)
        if (getattr(module, "__file__", None) or "").startswith(f"{workspace}/"):
            module.__dict__.clear()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError:
            code = _FLUSH_FAILED_EXIT_CODE
    os._exit(code)


def forget_server() -> None:
    """Hide our modules from a program's `import`; they stay in memory, as freeing takes time."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        _FORGOTTEN[name] = sys.modules.pop(name)
    here = os.path.dirname(os.path.abspath(__file__))
    _PLACES.extend(place for place in sys.path if f"{here}/".startswith(f"{place}/"))
    sys.path[:] = [place for place in sys.path if place not in _PLACES]


def remember_server() -> None:
    """Make our modules importable again for our own entries."""
    sys.modules.update(_FORGOTTEN)
    sys.path.extend(_PLACES)
    _PLACES.clear()


def preload(names: Sequence[str]) -> None:
    """Import modules for `recall_preloaded`; until then, programs may import others with these names."""
    standard = getattr(sys, "stdlib_module_names", None)
    if standard is None:  # before Python 3.10
        return
    before = set(sys.modules)
    for name in names:
        with suppress(Exception):  # a program that imports it gets the error
            importlib.import_module(name)
    for name in sys.modules.keys() - before:
        if name.partition(".")[0] not in standard:
            _PRELOADED[name] = sys.modules.pop(name)


def _empty_callers_of_libc() -> None:
    """Empty our modules that call libc: a judged program may find them, and no alarm sees their calls."""
    for module in _FORGOTTEN.values():
        if not {"ctypes", "libc"}.isdisjoint(vars(module)):
            vars(module).clear()


def recall_preloaded() -> None:
    """Make the preloaded modules importable."""
    sys.modules.update(_PRELOADED)


def reseed() -> None:
    """After a fork: give this process a new random state."""
    for name in _SEEDED:
        if name in sys.modules:
            sys.modules[name].seed()


def exit_code(code: object) -> int:
    """Return the exit code of a SystemExit; print its text to stderr."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _report(error: BaseException, print_exception: Callable[..., None]) -> int:
    """Print an uncaught exception without our frame."""
    traceback = error.__traceback__
    exception = error.with_traceback(traceback.tb_next if traceback else None)
    if sys.excepthook is sys.__excepthook__:
        print_exception(type(exception), exception, exception.__traceback__)
    else:
        sys.excepthook(type(exception), exception, exception.__traceback__)
    if isinstance(error, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return 1
