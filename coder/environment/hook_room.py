"""HookRoom: a sandbox for a repository's hooks, which the model never works in.

Its workspace has the files as the run read them, with the present changes of the model's session, except
those that would change the hooks. A hook starts with a new home folder and the default PATH.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder.environment.repository_copy import open_copy
from coder.environment.run_policy import OpenSandbox
from coder.environment.session_tree import SessionTree, make_repository
from coder.workspace.overlay import ignored_files
from sandbox import Change, FileRefused, Policy, Session

if TYPE_CHECKING:
    from coder.run.state import State

_LINK = "120000"
_EXECUTABLE = "100755"
Keeps = Callable[[Change], bool]
"""Whether a change of the model must not reach the hooks."""


@dataclass(frozen=True, slots=True)
class _Put:
    """The content that a path has, unlike as the run read it; None if it is removed."""

    content: bytes | None
    is_executable: bool = False

    @classmethod
    def of(cls, change: Change) -> "_Put":
        """Return what a change leaves at its path."""
        return cls(change.content, change.content is not None and change.mode == _EXECUTABLE)

    async def write(self, session: Session, path: str) -> None:
        """Write it; a path that the session refuses stays as it is."""
        with suppress(FileRefused):
            if self.content is None:
                await session.remove(path)
            else:
                await session.write(path, self.content, executable=self.is_executable)


class HookRoom:
    """A session for hooks on the files of a run."""

    def __init__(self, session: Session, state: "State", keeps: Keeps) -> None:
        self.session = session
        self.files = state.files
        self._keeps = keeps
        self._puts: dict[str, _Put] = {}
        """What was written over the files as they were read."""
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def at_work(self, tree: SessionTree, *, writes: bool) -> AsyncIterator[Session]:
        """Context manager that yields the session for one hook, on the present files of the model's session.

        Args:
            writes: whether changes of the hook are written into the model's session; else they are undone,
                as all are that change hooks.

        Raises:
            SandboxBroken: this session or the model's has ended.
        """
        async with self._lock:
            await self._follow(await tree.present(rescan=writes))
            yield self.session
            for started in await self.session.background():
                await started.stop()
            await self._settle(tree, writes=writes)

    async def _settle(self, tree: SessionTree, *, writes: bool) -> None:
        """Pass the changes of a hook on to the model's session, and undo the others."""
        result = await self.session.changes(ignored=tree.is_ignored if writes else None)
        present = {change.path: change for change in result.changes}
        undone = {entry.path: _Put(None) for entry in result.left_out}
        for path in present.keys() | self._puts.keys():
            change, before = present.get(path), self._puts.get(path)
            is_link = change is not None and change.mode == _LINK
            put = self._as_read(path) if change is None else _Put.of(change)
            if not is_link and put == (before or self._as_read(path)):
                continue
            if not writes or is_link or (change is not None and self._keeps(change)):
                undone[path] = before or self._as_read(path)
                continue
            await put.write(tree.session, path)
            self._puts[path] = put
        for path in undone:  # first, as a link or a file may stand where a folder was
            await _Put(None).write(self.session, path)
        for path, put in undone.items():
            await put.write(self.session, path)

    async def _follow(self, changes: Collection[Change]) -> None:
        """Give the workspace these changes, and no others."""
        puts = {
            change.path: _Put.of(change)
            for change in changes
            if change.mode != _LINK and not self._keeps(change)
        }
        for path in self._puts.keys() - puts.keys():
            await self._as_read(path).write(self.session, path)
        for path, put in sorted(puts.items(), key=lambda item: item[1].content is not None):
            if self._puts.get(path) != put:
                await put.write(self.session, path)
        self._puts = puts

    def _as_read(self, path: str) -> _Put:
        file = self.files.get(path)
        return _Put(None) if file is None else _Put(file.content, file.is_executable)


@asynccontextmanager
async def open_room(
    policy: Policy, open_sandbox: OpenSandbox, state: "State", keeps: Keeps
) -> AsyncIterator[HookRoom]:
    """Open a sandbox for hooks on the files of a run, which reaches the hosts of the run's policy.

    Args:
        keeps: whether a change of the model must not reach the hooks.

    Raises:
        SandboxError: it can't be opened, or the backend has no sessions.
    """

    def with_hosts(alone: Policy) -> Policy:
        return alone.model_copy(update={"network": policy.network})

    async with AsyncExitStack() as stack:
        copy = open_copy(policy, open_sandbox, state.files, with_hosts, shown=ignored_files(state))
        sandbox = await stack.enter_async_context(copy)
        session = await stack.enter_async_context(sandbox.session())
        await make_repository(session)
        yield HookRoom(session, state, keeps)
