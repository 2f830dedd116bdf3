"""The door: a sandbox by the name of its backend, or the best one that this machine has."""

import contextlib
import difflib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import entry_points

from sandbox.contract import Sandbox
from sandbox.policy import Policy

GROUP = "sandbox.backends"
Opener = Callable[[Policy], AbstractAsyncContextManager[Sandbox]]


@contextlib.asynccontextmanager
async def open_sandbox(policy: Policy | None = None, *, backend: str = "auto") -> AsyncIterator[Sandbox]:
    """Open a sandbox for as long as the block lasts.

    Args:
        policy: what its programs may use; the default is meant for code that nobody has read.
        backend: `auto`, or the name of an installed backend.

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
    if name == "auto":
        from sandbox.bubblewrap import open_bubblewrap

        return open_bubblewrap
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if name not in installed:
        near = difflib.get_close_matches(name, ["auto", *installed]) or ["auto", *sorted(installed)]
        raise ValueError(f"There is no sandbox backend {name!r}. Did you mean {' or '.join(near)}?")
    opener: Opener = installed[name].load()
    return opener
