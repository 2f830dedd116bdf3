"""Workbench: the sandboxes of one run, the candidate's and the checker's; opened when first used."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal, Self

from coder.base.text.redact import Redactor
from coder.environment.run_policy import OpenSandbox, for_session
from coder.run.stored_file import StoredFile
from sandbox import BackendMissing, Policy, Sandbox, Session
from sandbox.contract import OnOutput
from sandbox.policy import AskHost

if TYPE_CHECKING:
    from coder.context.survey import Survey
    from coder.environment.asked_hosts import AskedHosts
    from coder.environment.session_tree import SessionTree, Tree
    from coder.run.state import State

_opened: set[tuple[str, str]] = set()
"""Backends with policies of which this process has opened a sandbox: the next one opens, too."""

_SESSIONS = ("session", "copy")
"""Sandboxes that models work in."""
_LOCKS = ("candidate", "checker", *_SESSIONS, "work", "copying")


class Workbench:
    """Opens the sandboxes of one run when first used, and closes them."""

    def __init__(
        self,
        policy: Policy,
        open_sandbox: OpenSandbox,
        *,
        redactor: Redactor,
        backend: str | None = None,
        on_output: OnOutput | None = None,
        ask_host: AskHost | None = None,
        waits_for_hosts: bool = False,
        tools: Sequence[object] = (),
        optional_tools: Sequence[object] = (),
    ) -> None:
        self.policy = policy
        self.redactor = redactor
        self.on_output = on_output
        self.tools = tools
        """The caller's functions, and MCP servers, that a model may call (`tools.registry.tools_of`)."""
        self.optional_tools = optional_tools
        """Others, of which no strategy is refused."""
        self.survey: tuple[Mapping[str, StoredFile], str, Survey] | None = None
        """What models see of the repository, with the files and the words it was chosen for."""
        self.python_line: str | None = None
        """Line on the sandbox's Python, once looked up."""
        self.read_only = ""
        """Folders of installs that are read-only in the session, since it has no layer over them."""
        self._open = open_sandbox
        self._kind = (backend, policy.model_dump_json()) if backend is not None else None
        """What is known to open once it has; None of a caller's own `open_sandbox`."""
        self.asked_hosts: AskedHosts | None = None
        """Hosts that a person must allow between two calls; None: not asked about in that way."""
        if waits_for_hosts and ask_host is None:
            from coder.environment.asked_hosts import AskedHosts

            self.asked_hosts = AskedHosts()
        self._ask_host = ask_host
        """Asks a person while a program waits; None: nobody is there."""
        self._stacks: dict[str, AsyncExitStack] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._work: SessionTree | None = None
        self._copy: SessionTree | None = None
        """The session of a dialogue whose changes are discarded."""
        self._laid: Tree | None = None
        """The run's changes when the session began to open; None once it was used."""
        self.known_to: set[str] = set()
        """Participants whose dialogues have made a call in the session that is open."""
        self._has_sessions: bool | None = None
        self._early: dict[str, asyncio.Task[object]] = {}
        self.trying = asyncio.Lock()
        """Held while changes are tried: attempts beside one another share these sandboxes."""
        self._locks = {name: asyncio.Lock() for name in _LOCKS}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for early in self._early.values():
            early.cancel()
            await asyncio.wait([early])
        await _all(stack.aclose() for stack in self._stacks.values())

    async def open(self, *names: Literal["candidate", "checker"], early: bool = True) -> None:
        """Open these sandboxes: beside what follows, where this process has opened such a one before.

        Args:
            early: False leaves that to the one who first needs it, where this process has opened one.

        Raises:
            SandboxError: none can be opened.
        """
        if self._kind in _opened:
            for name in names if early else ():
                self._begin(name, self._sandbox(name))
            return
        await _all(self._sandbox(name) for name in names)
        if self._kind is not None:
            _opened.add(self._kind)

    async def candidate(self) -> Sandbox:
        """Where the candidate's code runs. Raises SandboxError: it can't be opened."""
        return await self._sandbox("candidate")

    async def checker(self) -> Sandbox:
        """Where the checks run, never the candidate's code. Raises SandboxError: it can't be opened."""
        return await self._sandbox("checker")

    @property
    def opened(self) -> str:
        """The backend of the sandboxes that are open; empty where none is."""
        return next((sandbox.backend for sandbox in self._sandboxes.values()), "")

    async def has_sessions(self) -> bool:
        """Whether the backend has sessions: except on bubblewrap, open one to see. Raises SandboxError."""
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
        """The session, where one is open."""
        return self._work.session if self._work is not None else None

    def open_session_early(self, state: State) -> None:
        """Start to open the session beside the model's first call; if that fails, `session` tries again."""
        if self._work is None:
            self._begin("work", self.session(state))

    def _begin(self, name: str, opening: Coroutine[Any, Any, object]) -> None:
        """Open something in a task, once; where that fails, the one who needs it tries again, and is told."""
        if name in self._early:
            opening.close()
            return
        self._early[name] = asyncio.create_task(opening)
        self._early[name].add_done_callback(lambda task: task.cancelled() or task.exception())

    async def session(self, state: State, *, anew: bool = False) -> SessionTree:
        """The session that the model works in, on the user's files with its changes; never for a verdict.

        Args:
            anew: the one that is open has failed.

        Raises:
            SandboxError: it can't be opened, or the backend has no sessions.
        """
        async with self._locks["work"]:
            if self._work is not None and anew:
                self._work = None
                await self._close("session")
            if self._work is None:
                work = await self._lay("session", state)
                self._work, self._laid = work, state.dialogue.session.tree
                self.known_to.clear()
                return work
            laid, self._laid = self._laid, None
            if self._work.files is not state.files:
                await self._work.rebase(state.files, state.dialogue.session.tree)
            elif late := _since(
                laid, state.dialogue.session.tree
            ):  # edits in an answer's text came while it opened
                await self._work.write(late)
            return self._work

    async def copy_session(self, state: State, *, anew: bool = False) -> SessionTree:
        """A session in a sandbox of its own, on the same files; what is changed there reaches no other.

        Args:
            anew: the one that is open has failed.

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
        """Discard what was changed in the copy of the session: the next one is a fresh one."""
        async with self._locks["copying"]:
            self._copy = None
            await self._close("copy")

    async def _lay(self, name: str, state: State) -> SessionTree:
        """Open a session on the user's files, with the run's changes."""
        from coder.environment.session_tree import lay_session

        sandbox = await self._sandbox(name, caches=state.settings.caches)
        work, self.read_only = await lay_session(sandbox, self._stacks[name], state, self.policy)
        return work

    async def _close(self, name: str) -> None:
        self._sandboxes.pop(name, None)
        if (stack := self._stacks.pop(name, None)) is not None:
            await stack.aclose()

    async def _sandbox(self, name: str, *, caches: bool = True) -> Sandbox:
        async with self._locks[name]:  # one for each: they open at the same time
            if name not in self._sandboxes:
                stack = AsyncExitStack()
                policy = await self._session_policy(caches) if name in _SESSIONS else self.policy
                self._sandboxes[name] = await stack.enter_async_context(self._open(policy))
                self._stacks[name] = stack
            return self._sandboxes[name]

    async def _session_policy(self, caches: bool) -> Policy:
        asks = self.asked_hosts.may_reach if self.asked_hosts is not None else self._ask_host
        policy = for_session(self.policy).model_copy(update={"ask_host": asks})
        if (await self.candidate()).backend != "bubblewrap":
            return policy
        from coder.environment.toolchains import with_layers

        return with_layers(policy, caches=caches)


def _since(laid: Tree | None, tree: Tree) -> Tree:
    """What has changed since these changes were laid; nothing where that was seen to."""
    before = tree if laid is None else laid
    return {path: file for path, file in tree.items() if path not in before or before[path] is not file}


async def _all(tasks: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Await all at the same time. Raises the first error; the others are cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
