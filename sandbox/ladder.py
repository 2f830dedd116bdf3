"""Which backend `auto` is: the first that works here, tried by opening it. Never one without walls."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from sandbox.contract import Sandbox
from sandbox.errors import BackendMissing, PolicyUnmet
from sandbox.policy import Policy

STEPS = ("bubblewrap", "docker")
"""Bubblewrap itself has two ways to build its walls, and remembers which of them works."""
BY_NAME_ONLY = frozenset({"restricted", "unsafe-host"})
"""What a caller must ask for, knowing what it lacks."""

Opener = Callable[[Policy], AbstractAsyncContextManager[Sandbox]]


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
