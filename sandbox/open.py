"""Open a sandbox by the name of its backend, or the best one of this machine."""

import asyncio
import contextlib
import difflib
import functools
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib.metadata import EntryPoint
from typing import Any, ParamSpec, Self, TypeVar, Unpack

from sandbox.contract import CommandOptions, Sandbox, Session, Started
from sandbox.errors import BackendMissing, PolicyUnmet
from sandbox.files.workspace_files import WorkspaceFiles
from sandbox.interpreter.plugins import find_plugins
from sandbox.policy import Policy
from sandbox.program import Program
from sandbox.supervisor.surroundings import is_container

P = ParamSpec("P")
T = TypeVar("T")
GROUP = "sandbox.backends"
STEPS = ("bubblewrap", "docker")
"""Backends that `auto` tries first, in order."""
INSIDE = "container"
"""The backend that `auto` tries last, and only if this process runs in a container."""

Opener = Callable[[Policy], AbstractAsyncContextManager[Sandbox]]


@contextlib.asynccontextmanager
async def open_sandbox(policy: Policy | None = None, *, backend: str = "auto") -> AsyncIterator[Sandbox]:
    """Open a sandbox for the duration of a `with` block.

    Args:
        policy: what programs may use; the default is for untrusted code.
        backend: the name of an installed backend, or `auto`: bubblewrap, else Docker, else, inside a
            container, `container`.

    Raises:
        BackendMissing: no backend works on this machine; the message names the command that helps.
        PolicyUnmet: the policy is strict and a guarantee has no mechanism here; it sets `in_place` and the
            backend isn't `container`; its image archive can't be used; or the backend can't meet it.
        ValueError: there is no backend of that name, or the policy's interpreter can't be used.
    """
    policy = policy or Policy()
    if policy.in_place is not None:
        backend = _backend_in_place(backend)
    if policy.has_archive:
        backend = _bubblewrap_for(backend, "unpack an image's archive")
    if policy.at_root:
        backend = _bubblewrap_for(backend, "show folders at the root")
    async with find_backend(backend)(policy) as sandbox:
        yield sandbox


@contextlib.contextmanager
def open_sandbox_sync(policy: Policy | None = None, *, backend: str = "auto") -> Iterator["SyncSandbox"]:
    """Open a sandbox as `open_sandbox` does, without an event loop: each method blocks."""
    with LoopThread() as thread, thread.enter(open_sandbox(policy, backend=backend)) as sandbox:
        yield SyncSandbox(sandbox, thread)


class SyncFiles:
    """Blocking form of `sandbox.contract.WorkspaceFiles`."""

    def __init__(self, files: WorkspaceFiles, thread: "LoopThread") -> None:
        self._thread = thread
        self.read, self.write = thread.make_blocking(files.read), thread.make_blocking(files.write)
        self.append, self.make_folder = (
            thread.make_blocking(files.append),
            thread.make_blocking(files.make_folder),
        )
        self.list, self.stat = thread.make_blocking(files.list), thread.make_blocking(files.stat)
        self.remove, self.write_folder = (
            thread.make_blocking(files.remove),
            thread.make_blocking(files.write_folder),
        )
        self.read_folder = thread.make_iterator(files.read_folder)


class SyncSandbox(SyncFiles):
    """Blocking form of `sandbox.contract.Sandbox`."""

    def __init__(self, sandbox: Sandbox, thread: "LoopThread") -> None:
        super().__init__(sandbox, thread)
        self._sandbox = sandbox
        self.backend, self.image, self.capabilities = sandbox.backend, sandbox.image, sandbox.capabilities
        self.run = thread.make_blocking(sandbox.run)
        self.lay, self.manifest = thread.make_blocking(sandbox.lay), thread.make_blocking(sandbox.manifest)

    @contextlib.contextmanager
    def session(
        self,
        *,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator["SyncSession"]:
        """Open a session for commands, one after another or side by side."""
        opening = self._sandbox.session(fresh=fresh, files=files, environment=environment)
        with self._thread.enter(opening) as session:
            yield SyncSession(session, self._thread)


class SyncSession(SyncFiles):
    """Blocking form of `sandbox.contract.Session`."""

    def __init__(self, session: Session, thread: "LoopThread") -> None:
        super().__init__(session, thread)
        self._begin = thread.make_blocking(session.start)
        self.sh, self.run = thread.make_blocking(session.sh), thread.make_blocking(session.run)
        self.python = thread.make_blocking(session.python)
        self.changes, self.rebase = (
            thread.make_blocking(session.changes),
            thread.make_blocking(session.rebase),
        )

    def start(self, program: str | Program, **options: Unpack[CommandOptions]) -> "SyncStarted":
        """Start a program or a shell script in the background."""
        return SyncStarted(self._begin(program, **options), self._thread)


class SyncStarted:
    """Blocking form of `sandbox.contract.Started`."""

    def __init__(self, started: Started, thread: "LoopThread") -> None:
        self._started = started
        self.number, self.pid, self.log = started.number, started.pid, started.log
        self.output = started.output
        self.wait, self.stop = thread.make_blocking(started.wait), thread.make_blocking(started.stop)

    @property
    def running(self) -> bool:
        """Whether its own process runs."""
        return self._started.running


class LoopThread:
    """An event loop in a thread of its own, for callers that block."""

    def __enter__(self) -> Self:
        loop_and_end: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

        async def run_until_end() -> None:
            end = asyncio.Event()
            loop_and_end.set_result((asyncio.get_running_loop(), end))
            await end.wait()

        self._thread = threading.Thread(
            target=lambda: asyncio.run(run_until_end()), name="sandbox", daemon=True
        )
        self._thread.start()
        self.loop, self._end = loop_and_end.result()
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def make_blocking(self, call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
        """Wrap a coroutine function in a blocking one; Ctrl-C cancels the call."""

        @functools.wraps(call)
        def wait(*args: P.args, **kwargs: P.kwargs) -> T:
            future = asyncio.run_coroutine_threadsafe(call(*args, **kwargs), self.loop)
            try:
                return future.result()
            except BaseException:
                future.cancel()
                raise

        return wait

    def make_iterator(self, call: Callable[P, AsyncGenerator[T, None]]) -> Callable[P, Iterator[T]]:
        """Wrap a function that returns an asynchronous generator in one that returns an iterator."""

        @functools.wraps(call)
        def iterate(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            pieces = call(*args, **kwargs)

            async def next_piece() -> T | None:
                return await anext(pieces, None)

            return iter(self.make_blocking(next_piece), None)

        return iterate

    @contextlib.contextmanager
    def enter(self, opening: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context manager for the duration of a `with` block."""
        stack = AsyncExitStack()
        try:
            yield self.make_blocking(stack.enter_async_context)(opening)
        finally:
            self.make_blocking(stack.aclose)()


def find_backend(name: str) -> Opener:
    """Return the function that opens a backend.

    Raises:
        ValueError: no backend has this name (the message lists similar ones), or a host is named for one
            without hosts.
    """
    installed = _installed()
    if name == "auto":
        steps = [(step, _load(installed[step])) for step in automatic_steps() if step in installed]
        return functools.partial(open_first, steps=steps)
    name, colon, host = name.partition(":")
    if colon and name in ("auto", *STEPS, INSIDE):
        raise ValueError(f"The sandbox backend {name} takes no host. Name it alone: {name}")
    if host and name in installed:
        return _load(installed[name], host=host)
    if name not in installed:
        similar = difflib.get_close_matches(name, ["auto", *installed]) or ["auto", *sorted(installed)]
        raise ValueError(f"There is no sandbox backend {name!r}. Did you mean {' or '.join(similar)}?")
    return _load(installed[name])


def _backend_in_place(name: str) -> str:
    """Return the backend that works in place. Raises PolicyUnmet if another one is named."""
    if name not in ("auto", INSIDE):
        raise PolicyUnmet(f"The backend {name} can't work in place; {INSIDE} can.")
    return INSIDE


def _bubblewrap_for(name: str, what: str) -> str:
    """Return bubblewrap, which alone can do `what`. Raises PolicyUnmet if another backend is named."""
    if name not in ("auto", "bubblewrap"):
        raise PolicyUnmet(f"The backend {name} can't {what}; bubblewrap can.")
    return "bubblewrap"


def automatic_steps() -> tuple[str, ...]:
    """Return the names of the backends that `auto` tries, in order."""
    return (*STEPS, INSIDE) if is_container(os.environ) else STEPS


def _installed() -> Mapping[str, EntryPoint]:
    """Return the installed backends by name."""
    return {point.name: point for point in find_plugins(GROUP)}


def _load(point: EntryPoint, **place: str) -> Opener:
    """Return an opener that imports its backend when called; `place`: the host, if it takes one."""

    def open_backend(policy: Policy) -> AbstractAsyncContextManager[Sandbox]:
        opener: Callable[..., AbstractAsyncContextManager[Sandbox]] = point.load()
        return opener(policy, **place)

    return open_backend


@contextlib.asynccontextmanager
async def open_first(policy: Policy, steps: list[tuple[str, Opener]]) -> AsyncIterator[Sandbox]:
    """Open the first working backend that meets the policy, for the duration of a `with` block.

    Raises:
        BackendMissing: no backend works; the message names each reason and what helps.
        PolicyUnmet: one works, but doesn't meet the policy.
    """
    failures: list[tuple[str, BackendMissing | PolicyUnmet]] = []
    async with AsyncExitStack() as stack:
        for name, opener in steps:
            try:
                sandbox = await stack.enter_async_context(opener(policy))
            except (BackendMissing, PolicyUnmet) as error:
                failures.append((name, error))
            else:
                yield sandbox
                return
    unmet = [failure for failure in failures if isinstance(failure[1], PolicyUnmet)]
    (first, reason), *others = unmet + [failure for failure in failures if failure not in unmet]
    reasons = [
        str(reason),
        *(f"Nor can {name} be used instead of {first}: {other}" for name, other in others),
    ]
    raise type(reason)("\n".join(reasons)) from reason
