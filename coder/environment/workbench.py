"""Workbench: the sandboxes of one run, the candidate's and the checker's; opened at their first use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from coder.base.text.guards import Guards
from coder.base.text.redact import Redactor
from coder.environment.hook_room import open_room
from coder.environment.repository_copy import open_copy
from coder.environment.run_policy import OpenSandbox, for_session
from coder.run.stored_file import StoredFile
from sandbox import BackendMissing, Policy, Sandbox, Session
from sandbox.contract import OnOutput
from sandbox.policy import AskHost

if TYPE_CHECKING:
    from coder.context.documents import Documents
    from coder.context.survey import Survey
    from coder.environment.asked_hosts import AskedHosts
    from coder.environment.hook_room import HookRoom, Keeps
    from coder.environment.session_tree import SessionTree, Tree
    from coder.run.state import State

_opened: set[tuple[str, str]] = set()
"""Backends with policies for which this process has opened a sandbox, so further ones should open, too."""

_SESSIONS = ("session", "copy")
"""Names of the sandboxes that models work in."""
_ROOMS = {True: "deciding", False: "following"}
"""Names of the sandboxes of a repository's hooks: of those before a call or message, and of the others."""
_LOCKS = ("candidate", "checker", *_SESSIONS, *_ROOMS.values(), "work", "copying")


class Workbench:
    """Opens the sandboxes of one run at their first use, and closes them."""

    def __init__(
        self,
        policy: Policy,
        open_sandbox: OpenSandbox,
        *,
        redactor: Redactor,
        guards: Guards | None = None,
        documents: Documents | None = None,
        backend: str | None = None,
        on_output: OnOutput | None = None,
        ask_host: AskHost | None = None,
        waits_for_hosts: bool = False,
        tools: Sequence[object] = (),
        optional_tools: Sequence[object] = (),
    ) -> None:
        self.policy = self.requested_policy = policy
        self.secrets: tuple[str, ...] = ()
        """Values of the secrets that `policy` adds to the requested policy as placeholders."""
        self.redactor = redactor
        self.guards = guards or Guards()
        """Guards of the user, which check each text after the redactor."""
        self.documents = documents
        """Documents that the model may search; None if the user specified none."""
        self.on_output = on_output
        self.tools = tools
        """Functions of the caller and MCP servers that a model may call (`tools.tool.tools_of`)."""
        self.optional_tools = optional_tools
        """Additional tools, ignored by strategies without tools."""
        self.survey: tuple[Mapping[str, StoredFile], str, Survey] | None = None
        """The survey of the repository, with the files and the prompt that it was made for."""
        self.python: asyncio.Task[list[str]] | None = None
        """Task that inspects the sandbox's Python (see python_line.py); None before it starts."""
        self.read_only = ""
        """Names of installed folders that are read-only in the session, as no layer covers them."""
        self._open = open_sandbox
        self._kind = (backend, policy.model_dump_json()) if backend is not None else None
        """Backend and policy, the key for `_opened`; None for the caller's `open_sandbox`."""
        self.asked_hosts: AskedHosts | None = None
        """Hosts that a person must allow between two calls; None if hosts aren't asked about between
        calls."""
        if waits_for_hosts and ask_host is None:
            from coder.environment.asked_hosts import AskedHosts

            self.asked_hosts = AskedHosts()
        self._ask_host = ask_host
        """Function that asks a person while a program waits; None if there is nobody to ask."""
        self._stacks: dict[str, AsyncExitStack] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._session_tree: SessionTree | None = None
        self._copy: SessionTree | None = None
        """The session whose changes are discarded."""
        self._rooms: dict[bool, HookRoom] = {}
        self._initial_changes: Tree | None = None
        """The run's changes at the time when the session started to open; None after its first use."""
        self.known_to: set[str] = set()
        """Participants whose dialogues have made a call in the open session."""
        self.fresh: set[str] = set()
        """Participants whose dialogues made no earlier call, so a new session loses nothing of theirs."""
        self.has_run_stop_hooks = False
        """Whether the Stop hooks have run since the model's last call."""
        self._has_sessions: bool | None = None
        self._opening: dict[str, asyncio.Task[object]] = {}
        self.verify_lock = asyncio.Lock()
        """Lock that is held while a change is verified, as concurrent attempts share the sandboxes."""
        self._locks = {name: asyncio.Lock() for name in _LOCKS}

    @property
    def asks_about_hosts(self) -> bool:
        """Whether a person is asked about hosts that aren't allowed yet."""
        return self.asked_hosts is not None or self._ask_host is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in (*self._opening.values(), self.python):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        # A session in place that ends by an error leaves nothing running.
        await _await_all(stack.__aexit__(kind, error, trace) for stack in self._stacks.values())

    async def open(self, *names: Literal["candidate", "checker"], early: bool = True) -> None:
        """Open these sandboxes, in the background if this process has opened one with this policy before.

        Args:
            early: if False, a sandbox that is known to open is opened only at its first use.

        Raises:
            SandboxError: a sandbox can't be opened.
        """
        if self._kind in _opened:
            for name in names if early else ():
                self._begin(name, self._sandbox(name))
            return
        await _await_all(self._sandbox(name) for name in names)
        if self._kind is not None:
            _opened.add(self._kind)

    async def candidate(self) -> Sandbox:
        """Return the sandbox that runs the candidate's code. Raises SandboxError if it can't be opened."""
        return await self._sandbox("candidate")

    async def checker(self) -> Sandbox:
        """Return the sandbox that runs checks, never candidate code.

        Raises SandboxError if it can't be opened.
        """
        return await self._sandbox("checker")

    def open_checker_early(self) -> None:
        """Start to open the checker's sandbox while the candidate's runs; if that fails, `checker` tries
        again.
        """
        if "checker" not in self._sandboxes:
            self._begin("checker", self._sandbox("checker"))

    @property
    def opened(self) -> str:
        """The backend of the open sandboxes; empty if none is open."""
        return next((sandbox.backend for sandbox in self._sandboxes.values()), "")

    async def has_sessions(self) -> bool:
        """Whether the backend has sessions; except with bubblewrap, open one to find out.

        Raises SandboxError.
        """
        sandbox = await self.candidate()
        if self._has_sessions is None and sandbox.backend != "bubblewrap":
            try:
                async with sandbox.session(fresh=True):
                    self._has_sessions = True
            except BackendMissing:
                self._has_sessions = False
        return self._has_sessions is not False

    @property
    def open_session(self) -> Session | None:
        """The session if it is open, else None."""
        return self._session_tree.session if self._session_tree is not None else None

    def open_session_early(self, state: State) -> None:
        """Start to open the session during the model's first call; if that fails, `session` tries again."""
        if self._session_tree is None:
            self._begin("work", self.session(state))

    def _begin(self, name: str, opening: Coroutine[Any, Any, object]) -> None:
        """Open a sandbox or session once, in a task; if that fails, its first user tries again."""
        if name in self._opening:
            opening.close()
            return
        self._opening[name] = asyncio.create_task(opening)
        self._opening[name].add_done_callback(lambda task: task.cancelled() or task.exception())

    async def session(self, state: State, *, anew: bool = False) -> SessionTree:
        """Return the session that the model works in, on the user's files with the run's changes; never used
        for a verdict.

        Args:
            anew: whether to open a new session because the open one failed.

        Raises:
            SandboxError: the session can't be opened, or the backend has no sessions.
        """
        async with self._locks["work"]:
            if self._session_tree is not None and anew:
                self._session_tree = None
                await self._close("session")
            if self._session_tree is None:
                session_tree = await self._lay("session", state)
                self._session_tree, self._initial_changes = session_tree, state.dialogue.session.tree
                self.known_to.clear()
                return session_tree
            laid_changes, self._initial_changes = self._initial_changes, None
            if self._session_tree.files is not state.files:
                await self._session_tree.rebase(state.files, state.dialogue.session.tree)
            elif late_changes := _changes_since(
                laid_changes, state.dialogue.session.tree
            ):  # edits of an answer's text made while the session opened
                await self._session_tree.write(late_changes)
            return self._session_tree

    async def copy_session(self, state: State, *, anew: bool = False) -> SessionTree:
        """Return a session in a separate sandbox on a copy of the files, whose changes are discarded.

        Args:
            anew: whether to open a new session because the open one failed.

        Raises:
            SandboxError: as for `session`.
        """
        if anew:
            await self.close_copy()
        async with self._locks["copying"]:
            if self._copy is None:
                self._copy = await self._lay("copy", state)
                self.known_to.discard(state.dialogue.participant)
            return self._copy

    async def close_copy(self) -> None:
        """Discard the changes in the copy of the session; the next copy is fresh."""
        async with self._locks["copying"]:
            self._copy = None
            await self._close("copy")

    async def hook_room(self, state: State, kept: Callable[[], Keeps], *, decides: bool) -> HookRoom:
        """Return the sandbox of a repository's hooks, on the files as the run has read them.

        Args:
            kept: returns the function that tells which changes of the model must not reach the hooks.
            decides: whether it is for hooks before a call or message.

        Raises:
            SandboxError: it can't be opened, or the backend has no sessions.
        """
        name = _ROOMS[decides]
        async with self._locks[name]:
            if decides not in self._rooms or self._rooms[decides].files is not state.files:
                await self._close(name)
                stack = AsyncExitStack()
                room = open_room(self.requested_policy, self._open, state, kept())
                self._rooms[decides] = await stack.enter_async_context(room)
                self._stacks[name] = stack
            return self._rooms[decides]

    def open_hook_room_early(self, state: State, kept: Callable[[], Keeps], *, decides: bool) -> None:
        """Start to open the sandbox of hooks; if that fails, `hook_room` tries again."""
        if decides not in self._rooms:
            self._begin(_ROOMS[decides], self.hook_room(state, kept, decides=decides))

    async def close_hook_room(self, *, decides: bool) -> None:
        """Close the sandbox of hooks after it has broken; the next use opens another one."""
        async with self._locks[_ROOMS[decides]]:
            self._rooms.pop(decides, None)
            await self._close(_ROOMS[decides])

    def open_copy(
        self, files: Mapping[str, StoredFile], adapt: Callable[[Policy], Policy]
    ) -> AbstractAsyncContextManager[Sandbox]:
        """Return a sandbox on a copy of the files, to be entered, for a program of the repository.

        Args:
            adapt: changes its policy.
        """
        return open_copy(self.requested_policy, self._open, files, adapt)

    async def _lay(self, name: str, state: State) -> SessionTree:
        """Open a session on the user's files, with the run's changes."""
        from coder.environment.session_tree import lay_session, open_in_folder

        folder = Path(state.root or "") if name == "session" and state.settings.in_place else None
        sandbox = await self._sandbox(name, caches=state.settings.caches, folder=folder)
        lay = lay_session if folder is None else open_in_folder
        session_tree, self.read_only = await lay(sandbox, self._stacks[name], state, self.policy)
        return session_tree

    async def _close(self, name: str) -> None:
        self._sandboxes.pop(name, None)
        if (stack := self._stacks.pop(name, None)) is not None:
            await stack.aclose()

    async def _sandbox(self, name: str, *, caches: bool = True, folder: Path | None = None) -> Sandbox:
        """Return a sandbox, opened at its first use; `folder`: the folder in which it works in place."""
        async with self._locks[name]:  # one lock per sandbox, as they open concurrently
            if name not in self._sandboxes:
                stack = AsyncExitStack()
                policy = await self._session_policy(caches) if name in _SESSIONS else self.policy
                policy = policy.model_copy(update={"in_place": folder})
                self._sandboxes[name] = await stack.enter_async_context(self._open(policy))
                self._stacks[name] = stack
            return self._sandboxes[name]

    async def _session_policy(self, caches: bool) -> Policy:
        ask_host = self.asked_hosts.may_reach if self.asked_hosts is not None else self._ask_host
        policy = for_session(self.policy).model_copy(update={"ask_host": ask_host})
        if (await self.candidate()).backend != "bubblewrap":
            return policy
        from coder.environment.toolchains import with_layers

        return with_layers(policy, caches=caches)


def _changes_since(laid: Tree | None, tree: Tree) -> Tree:
    """Return the changes made after `laid`; empty if `laid` is None."""
    tree_before = tree if laid is None else laid
    return {
        path: file for path, file in tree.items() if path not in tree_before or tree_before[path] is not file
    }


async def _await_all(tasks: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Await all tasks concurrently. Raises the first error; the other tasks are cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
