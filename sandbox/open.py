"""The door: a sandbox by the name of its backend, or the best one that this machine has."""

import contextlib
import difflib
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib.metadata import EntryPoint, entry_points

from sandbox.contract import Sandbox
from sandbox.errors import BackendMissing, PolicyUnmet
from sandbox.policy import Policy

GROUP = "sandbox.backends"
STEPS = ("bubblewrap", "docker")
"""Tried by `auto`, in this order. Bubblewrap has two ways to build its walls, and remembers which works."""
BY_NAME_ONLY = frozenset({"restricted", "unsafe-host"})
"""Never tried by `auto`: a caller must ask for them, knowing what they lack."""

Opener = Callable[[Policy], AbstractAsyncContextManager[Sandbox]]


@contextlib.asynccontextmanager
async def open_sandbox(policy: Policy | None = None, *, backend: str = "auto") -> AsyncIterator[Sandbox]:
    """Open a sandbox for as long as the block lasts.

    Args:
        policy: what its programs may use; the default is meant for code that nobody has read.
        backend: the name of an installed backend, or `auto`: bubblewrap, else Docker.

    Raises:
        BackendMissing: no backend works on this machine; the message names the command that helps.
        PolicyUnmet: the policy is strict and a guarantee has no mechanism here.
        ValueError: there is no backend of that name, or the policy's interpreter can't be used.
    """
    async with find_backend(backend)(policy or Policy()) as sandbox:
        yield sandbox


def find_backend(name: str) -> Opener:
    """The function that opens a sandbox of one backend, imported only now.

    Raises:
        ValueError: there is none of that name; the nearest ones are named.
    """
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if name == "auto":
        return functools.partial(open_first, steps=[(step, _load(installed[step])) for step in STEPS])
    if name not in installed:
        near = difflib.get_close_matches(name, ["auto", *installed]) or ["auto", *sorted(installed)]
        raise ValueError(f"There is no sandbox backend {name!r}. Did you mean {' or '.join(near)}?")
    return _load(installed[name])


def _load(point: EntryPoint) -> Opener:
    """An opener that imports its backend when it is called: most are never needed."""

    def opened(policy: Policy) -> AbstractAsyncContextManager[Sandbox]:
        opener: Opener = point.load()
        return opener(policy)

    return opened


@contextlib.asynccontextmanager
async def open_first(policy: Policy, steps: list[tuple[str, Opener]]) -> AsyncIterator[Sandbox]:
    """Open the first backend that works here and meets the policy, for as long as the block lasts.

    Raises:
        BackendMissing: none works; the message says of each why, and what helps.
        PolicyUnmet: one would work, but doesn't meet the policy.
    """
    async with AsyncExitStack() as stack:
        yield await _first(policy, steps, stack)


async def _first(policy: Policy, steps: list[tuple[str, Opener]], stack: AsyncExitStack) -> Sandbox:
    failures: list[tuple[str, BackendMissing | PolicyUnmet]] = []
    for name, opener in steps:
        try:
            return await stack.enter_async_context(opener(policy))
        except (BackendMissing, PolicyUnmet) as error:
            failures.append((name, error))
    unmet = [failure for failure in failures if isinstance(failure[1], PolicyUnmet)]
    (first, reason), *others = unmet + [failure for failure in failures if failure not in unmet]
    said = [str(reason), *(f"Nor can {name} be used instead of {first}: {other}" for name, other in others)]
    raise type(reason)("\n".join(said)) from reason
