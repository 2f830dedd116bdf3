"""What the routes of a server share, and what a request may use of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from coder.config.layers import Loaded
from coder.run.events import Event
from coder.run.settings import Settings
from coder.server.event_stream import Tails
from coder.server.problems import Problem
from coder.server.tokens import Scope
from coder.store import EventLog

_AGAIN_S = 5
"""After which a request that found no free worker may come again."""


class Gate(asyncio.Semaphore):
    """As many pieces of work at once as there are workers: `async with` waits, `take` refuses."""

    async def take(self) -> None:
        """Take a place, to be given back by `release`. Raises Problem: none is free."""
        if self.locked():
            told = "All workers of this server are busy.", "It works on no more at once.", "Try again later."
            raise Problem(429, *told, Retry_After=str(_AGAIN_S))
        await self.acquire()  # a place is free: nothing is waited for


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: the holder of a token, or without tokens any program of this machine."""

    name: str
    scopes: frozenset[Scope]
    root: Path
    is_local: bool = False
    """There are no tokens."""

    def sees(self, first: Event) -> bool:
        """Whether a run, by its first event, is one that this caller may know of."""
        task, settings = first.body.get("task") or {}, first.body.get("settings") or {}
        folder = task.get("workspace") or settings.get("served")
        if folder is None:
            return self.is_local
        return Path(folder).resolve().is_relative_to(self.root)


@dataclass(frozen=True, slots=True)
class Serving:
    """One server. A callable in the entry point group `coder.routes` makes an APIRouter of it.

    A request without a token never gets to a route; what it may do there each route asks for itself:
    `caller: Annotated[Caller, Depends(serving.needs("run"))]`.
    """

    log: EventLog
    root: Path
    loaded: Loaded
    """The configuration of the user who has started the server."""
    gate: Gate
    tails: Tails = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tails", Tails(self.log))

    @property
    def settings(self) -> Settings:
        """Of that configuration."""
        return self.loaded.config.settings()

    def needs(self, scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
        """A dependency that gives the caller, where its token has a scope."""
        return needs(scope)


def needs(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that gives the caller; Problem: its token lacks the scope."""

    async def caller_of(request: Request) -> Caller:
        caller: Caller = request.scope["coder.caller"]
        if scope not in caller.scopes:
            raise Problem(
                403, f"The token {caller.name!r} may not do this.", f"It lacks the scope {scope}.",
                "Ask the operator for another one: coder serve --new-token.",
            )  # fmt: skip
        return caller

    return caller_of
