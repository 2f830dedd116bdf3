"""Run a command in this process: the same application, log and configuration, in kept sandboxes.

What belongs to the process is set for the command and restored afterwards: arguments, environment, folder,
standard streams and signal handlers. All commands of a worker share one event loop, on which sandboxes stay
open from test to test. A test of signals, terminals, crashes, or of how a sandbox opens starts a process.
"""

import asyncio
import gc
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from coder.environment import run_policy
from coder.people.cli import app
from sandbox import Policy, Sandbox, open_sandbox
from tests.coder.people.cli.warm_start import import_all
from tests.sandbox_pool import keep_sandboxes, open_kept
from tests.tiers import uncounted

_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "TZ")
"""Beginnings of variables that are read when an interpreter starts."""


_SERVERS = ("acp", "mcp", "serve")
"""Commands that read their standard input until its end."""


def runs_in_process(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether a command does the same in this process, and can be run now."""
    if (arguments[:1] and arguments[0] in _SERVERS) or "--sandbox" in arguments:
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _read_at_start(environ) == _read_at_start(os.environ)
    return False


def _read_at_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_AT_START)}


def run_in_process(
    arguments: tuple[str, ...], *, environ: Mapping[str, str], cwd: Path, stdin: bytes = b""
) -> tuple[int, str, str]:
    """Run `coder` with these arguments; return its exit code, stdout and stderr."""
    with ThreadPoolExecutor(3) as threads:
        (reads_in, writes_in), (reads_out, writes_out), (reads_err, writes_err) = (
            os.pipe() for _ in range(3)
        )
        written = threads.submit(_write, writes_in, stdin)
        outputs = [threads.submit(_read, reads) for reads in (reads_out, reads_err)]
        with _process_state(arguments, environ, cwd), _streams(reads_in, writes_out, writes_err):
            code = app.run(None)
        written.result()
    out, err = (output.result().decode() for output in outputs)
    return code, out, err


def _write(descriptor: int, content: bytes) -> None:
    with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(content)


def _read(descriptor: int) -> bytes:
    with open(descriptor, "rb") as pipe:
        return pipe.read()


@contextmanager
def _process_state(arguments: tuple[str, ...], environ: Mapping[str, str], cwd: Path) -> Iterator[None]:
    """Give the process the command's arguments, environment and folder for as long as the block lasts."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before, folder, umask = dict(os.environ), Path.cwd(), os.umask(0)
    modules = set(sys.modules)
    os.umask(umask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["coder", *arguments])
        patch.setattr(gc, "freeze", lambda: None)
        patch.setattr(asyncio, "run", _run_on_kept_loop)
        patch.setattr(run_policy, "open_sandbox", _open)
        patch.setattr(tempfile, "tempdir", None)
        patch.setattr(sys, "path", [*sys.path])
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(cwd)
        try:
            yield
        finally:
            _forget(set(sys.modules) - modules, (environ["HOME"], str(cwd)))
            os.chdir(folder)
            os.umask(umask)
            os.environ.clear()
            os.environ.update(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _forget(modules: set[str], folders: tuple[str, ...]) -> None:
    """Forget modules of the test's own folders: another test may have others of their names."""
    for name in modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if any(Path(file).is_relative_to(folder) for folder in folders):
            del sys.modules[name]


@contextmanager
def _streams(*pipes: int) -> Iterator[None]:
    """Make these pipes the standard streams, for us and for programs that we start; then close them."""
    own = sys.stdin, sys.stdout, sys.stderr
    saved = [os.dup(number) for number in range(3)]
    for number, pipe in enumerate(pipes):
        os.dup2(pipe, number)
        os.close(pipe)
    opened = [
        TextIOWrapper(
            os.fdopen(number, f"{mode}b", closefd=False), encoding="utf-8", line_buffering=number == 2
        )
        for number, mode in enumerate("rww")
    ]
    sys.stdin, sys.stdout, sys.stderr = opened
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = own
        for stream in opened:
            with suppress(OSError):
                stream.close()
        for number, descriptor in enumerate(saved):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _open(policy: Policy, *, backend: str = "auto") -> AbstractAsyncContextManager[Sandbox]:
    return open_kept(policy) if backend == "auto" else open_sandbox(policy, backend=backend)


_run = asyncio.run


def _run_on_kept_loop(work: Coroutine[Any, Any, Any], **options: Any) -> Any:
    if threading.current_thread() is not threading.main_thread():
        return _run(work, **options)
    return _kept_loop()[0].run(work)


@cache
def _kept_loop() -> tuple[asyncio.Runner, object]:
    """The loop of this worker's commands, and what keeps sandboxes open on it until the process ends."""
    with uncounted():
        import_all()  # else threads of two commands would import the same packages at once
    runner, keeping = asyncio.Runner(), keep_sandboxes()
    runner.run(keeping.__aenter__())
    return runner, keeping
