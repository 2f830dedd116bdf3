"""Act in a task's container by our agent, which runs there as another program of the task's user.

Programs have the user, variables, folder and rights that the task specifies. Only the container confines
them, and the changes of its files are read from the engine afterwards.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.skills_listing import skills_text
from sandbox.contract import Sandbox, Session
from sandbox.docker.attached_stream import attach
from sandbox.docker.engine import plain_socket
from sandbox.errors import SandboxBroken
from sandbox.host.session import LiveSession
from sandbox.host.session_opening import ENVIRONMENT
from sandbox.policy import Capability, Policy, session_policy
from sandbox.stream.booting import BOOT, SHARED, agent_settings
from sandbox.stream.holder import Holder, boot_agent
from sandbox.stream.link import Link
from sandbox.stream.place import rlimits_of
from sandbox.stream.session import StreamSessionLink, StreamWorkspace
from sandbox.stream.stream_sandbox import StreamSandbox

if TYPE_CHECKING:
    import socket

    from docker import APIClient

_WITHOUT = frozenset({"uid", "capabilities", "no_new_privs", "seccomp", "landlock"})
"""Mechanisms that are off, because they would prevent what a task requires of programs."""
_LONGEST_S = 86_400.0
_NEEDS = "A model acts in a task's container by Python 3.8 or newer, as python3 on the PATH of its image."


async def start_agent(container: HarborContainer, policy: Policy, user: str | None) -> Holder:
    """Start an agent by the image's Python; its programs outlive it in the container.

    Raises:
        BackendMissing: the image has no suitable Python.
        SandboxBroken: the engine refused.
    """

    def begin(api: "APIClient") -> "socket.socket":
        process = api.exec_create(
            container.name,
            ["python3", "-I", "-S", "-c", BOOT],
            stdin=True,
            user=user or "",
            workdir=container.workdir,
        )
        return plain_socket(api.exec_start(process["Id"], socket=True))

    connection = await container.while_running("start an agent", begin)
    assert connection is not None
    link = Link(await attach(connection))
    settings = agent_settings(policy, uid=None, without=_WITHOUT, landlock=0)
    # The folder is on the engine's disk, whose free space says nothing of the task.
    settings |= {"workspace": container.workdir, "in_place": True, "folders": [SHARED]}
    settings |= {"rules": [], "tidy": []}
    facts = await boot_agent(link, settings, _leave, needs=_NEEDS)
    usual = {"PATH": ":".join(container.path), "HOME": str(facts.get("home", "/")), "LANG": "C.UTF-8"}
    own = {**usual, **container.variables}
    return Holder(
        link, facts, own, _WITHOUT, _leave, counted=True, session_environment={**ENVIRONMENT, **own}
    )


async def _leave() -> None:
    """Do nothing: started programs stay in the container."""


class _Unread(dict[str, str]):
    """Placeholder for the hashes of all files, so that unchanged files needn't be read."""

    def get(self, path: str, default: object = None) -> str:
        return "unread"


class TaskSandbox(StreamSandbox):
    """A sandbox whose one session works in the task's folder, and whose programs outlive it."""

    def __init__(self, container: HarborContainer, policy: Policy, agent: Holder) -> None:
        async def open_one() -> Holder:
            raise SandboxBroken("The sandbox is closed.")

        super().__init__("docker", container.recipe.image, policy, CAPABILITIES, agent, open_one)
        self.agent, self._workdir = agent, container.workdir
        self._session_at_work: LiveSession | None = None

    def session(
        self,
        *,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Lend the session of the task's folder, even if a fresh one is requested: there is one container."""
        return self._lend()

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[LiveSession]:
        if self._session_at_work is None:
            place = await self._settle()
            rlimits = {**rlimits_of(self._usual, counted=True), "cpu_s": int(_LONGEST_S)}
            environment = dict(self.agent.session_environment)
            commands = StreamSessionLink(self.agent.link, self._usual, environment, rlimits)
            workspace = StreamWorkspace(place.files, {})
            await workspace.rebase(_Unread())
            self._session_at_work = LiveSession(commands, workspace, _never, root=self._workdir)
        yield self._session_at_work


async def _never() -> StreamSessionLink:
    raise SandboxBroken("The task's agent has ended.")


class TaskPlace:
    """Opens one sandbox in a container for a run, the same for all policies."""

    def __init__(self, container: HarborContainer, user: str | None) -> None:
        """Take the container, and the user of programs; None for the container's user."""
        self._container, self._user = container, user
        self._sandbox: TaskSandbox | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[Sandbox]:
        """Lend the sandbox; if its agent has ended, start another one."""
        async with self._opening:
            if self._sandbox is None or self._sandbox.agent.link.broken is not None:
                await self.close()
                self._sandbox = await self._start()
        yield self._sandbox

    async def skills_text(self, folder: str) -> str:
        """Return a list of the skills in a folder, for a prompt. Raises SandboxBroken."""
        return await skills_text(self._container, folder)

    async def has_ended(self) -> bool:
        """Whether the container has ended, by its first program or by an action of the agent."""
        return await self._container.exit_code() is not None

    async def close(self) -> None:
        """End the agent; its programs continue in the container. Idempotent."""
        if self._sandbox is not None:
            await self._sandbox.close()

    async def _start(self) -> TaskSandbox:
        recipe = self._container.recipe
        policy = session_policy(wall_s=_LONGEST_S, processes=recipe.processes or 1 << 15)
        agent = await start_agent(self._container, policy, self._user)
        return TaskSandbox(self._container, policy, agent)


CAPABILITIES = tuple(
    Capability(guarantee=guarantee, mechanism=mechanism)
    for guarantee, mechanism in {
        "memory": "the container's cgroup, as the task says",
        "processes": "the container's cgroup",
        "cpu time": "the time limit of the task",
        "wall time": "the time limit of the task, which ends the container",
        "output": "the host reads a bounded part and ends a flood",
        "disk": None,
        "files": None,
        "network": None,
        "host files": "the image's root, in a mount namespace",
        "environment": "what the image and the task have",
        "other runs": None,
        "nothing left": "the container is stopped, and removed once it is judged",
        "privileges": "the engine's default capabilities",
        "system calls": "the engine's own filter",
    }.items()
)
"""Guarantees of a task's container, with their mechanisms."""
