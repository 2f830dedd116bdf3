"""The container of a benchmark's task: its own file system is what the task is about.

Programs have the image's user, variables and folder, the engine's default rights, and a root that they can
write to: they install packages and start services. The wall is the container; nothing confines programs in
it. What its files became is read from the engine after its end, and judged elsewhere.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sandbox.docker.boot import memory
from sandbox.docker.container import Container, open_container
from sandbox.docker.design import ContainerFacts, facts_of, is_within
from sandbox.docker.engine import Engine, connect
from sandbox.docker.labels import OWNER, keeper, labels
from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.policy import Capability, Policy
from sandbox.stream.booting import BOOT, CODE, SHARED, agent_settings
from sandbox.stream.chores import to_the_end
from sandbox.stream.place import OWN_PROCESSES
from sandbox.stream.stream_sandbox import StreamSandbox

if TYPE_CHECKING:
    from docker import APIClient

_OPEN = frozenset({"uid", "capabilities", "no_new_privs", "seccomp", "landlock"})
"""Mechanisms that would keep programs from what a task asks of them."""
_NETWORKS = {"none": "none", "public": "bridge"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOP_S = 20
"""Seconds for a container to end once its agent has no host."""


@dataclass(frozen=True, slots=True)
class TaskContainer:
    """What a task asks of its container."""

    image: str
    """Name or id of an image that the engine has."""
    workdir: str | None = None
    """The programs' folder; None for the image's."""
    user: str | None = None
    """The programs' user, by name or uid; None for the image's."""
    network: Literal["none", "public"] = "none"
    environment: Mapping[str, str] | None = None
    """Variables besides the image's."""


class OpenTask:
    """A task's container: `sandbox` acts in it until `end`; its files stay until it is removed."""

    def __init__(self, sandbox: StreamSandbox, holder: "_Kept", image: str, workdir: str) -> None:
        self.sandbox, self._holder = sandbox, holder
        self.image, self.workdir = image, workdir
        """Id of the image, and the programs' folder."""

    @property
    def container(self) -> str:
        """The container's name."""
        return self._holder.name

    async def end(self) -> None:
        """End every process in it, and wait until none is left. Idempotent. Raises SandboxBroken."""
        await self.sandbox.close()
        await self._holder.stop()


@contextlib.asynccontextmanager
async def open_task_container(task: TaskContainer, policy: Policy) -> AsyncIterator[OpenTask]:
    """Open a container for as long as the block lasts.

    Of `policy`, the limits and variables count; there is no limit of disk but the engine's own.

    Raises:
        BackendMissing: no engine, no such image, or one without Python.
        SandboxBroken: it could not be started for another reason.
    """
    engine = await connect()
    try:
        design = await design_of(engine, task, policy)
        with keeper(design.labels[OWNER]):
            first = await _open(engine, design)

            async def open_one() -> Container:
                return await open_container(engine, design)

            try:
                sandbox = StreamSandbox("docker", design.image, policy, _capabilities(task), first, open_one)
                try:
                    yield OpenTask(sandbox, first, design.image, design.workdir)
                finally:
                    await sandbox.close()
            finally:
                await to_the_end(first.discard())
    finally:
        engine.close()


@dataclass(frozen=True, slots=True)
class _Design:
    """Implements `sandbox.docker.design.Design`."""

    policy: Policy
    task: TaskContainer
    image: str
    workdir: str
    variables: Mapping[str, str]
    labels: Mapping[str, str]
    without: frozenset[str] = _OPEN

    @property
    def processes(self) -> int:
        return self.policy.processes + OWN_PROCESSES

    def create(self, api: "APIClient", name: str) -> None:
        from docker.types import LogConfig

        size = memory(self.policy.memory_mb)
        cpus = self.policy.cpus
        host = api.create_host_config(
            network_mode=_NETWORKS[self.task.network],
            ipc_mode="private",
            log_config=LogConfig(type="none"),
            tmpfs={CODE: "rw,nosuid,nodev,noexec,mode=1777,size=16m"},
            mem_limit=size,
            memswap_limit=size,
            pids_limit=self.processes,
            nano_cpus=None if cpus is None else int(cpus * 1e9),
        )
        api.create_container(
            self.image,
            name=name,
            entrypoint=["python3", "-I", "-S", "-c", BOOT],
            command=[],
            user=self.task.user,
            working_dir=self.workdir,
            environment=dict(self.variables),
            stdin_open=True,  # for one client: at the end of ours the container's input ends
            healthcheck={"test": ["NONE"]},
            labels=dict(self.labels),
            host_config=host,
            use_config_proxy=False,  # a proxy's password must not reach programs
        )

    def settings(self) -> dict[str, Any]:
        settings = agent_settings(self.policy, uid=None, without=self.without, landlock=0)
        # The folder is on the engine's disk, whose free space says nothing of the task.
        return {**settings, "workspace": self.workdir, "folders": [SHARED], "rules": [], "tidy": []}

    def check(self, said: Mapping[str, Any]) -> ContainerFacts:
        facts = facts_of(said)
        kept = {
            "memory": is_within(facts.memory, memory(self.policy.memory_mb)),
            "processes": is_within(facts.pids, self.processes),
            "network": self.task.network != "none" or set(facts.interfaces) <= {"lo"},
        }
        wrong = [name for name, is_kept in kept.items() if not is_kept]
        if wrong:
            raise SandboxBroken(f"The Docker engine did not give the task's container {', '.join(wrong)}.")
        return facts

    def environment(self, facts: ContainerFacts) -> Mapping[str, str]:
        return {"PATH": _PATH, "HOME": facts.home, "LANG": "C.UTF-8", **self.variables}

    def session_environment(self, facts: ContainerFacts) -> Mapping[str, str]:
        return self.environment(facts)


class _Kept(Container):
    """A container whose files outlive its programs."""

    async def remove(self) -> None:
        """End it. Idempotent."""
        self._broken = self._broken or SandboxBroken("The sandbox is closed.")
        if self._link is not None:
            self._link.close()

    async def stop(self) -> None:
        """Wait until no process is left in it. Raises SandboxBroken."""
        await self.engine.ask("stop a container", lambda api: api.stop(self.name, timeout=_STOP_S))

    async def discard(self) -> None:
        """Remove it. Never raises for a lost engine."""
        await super().remove()


async def _open(engine: Engine, design: _Design) -> _Kept:
    container = _Kept(engine, design, f"coder-task-{secrets.token_hex(6)}")
    try:
        await container.start()
    except BaseException:
        await to_the_end(container.discard())
        raise
    return container


async def design_of(engine: Engine, task: TaskContainer, policy: Policy) -> _Design:
    """How a task's containers are made. Raises BackendMissing: the engine lacks the image."""

    def look(api: "APIClient") -> dict[str, Any]:
        return dict(api.inspect_image(task.image))  # type: ignore[no-untyped-call]

    found = await engine.ask("look for an image", look, missing_ok=True)
    if found is None:
        raise BackendMissing(f"The Docker engine has no image {task.image!r}, and images are never pulled.")
    config = found.get("Config") or {}
    given = dict(word.partition("=")[::2] for word in config.get("Env") or ())
    variables = {**given, **policy.environment, **(task.environment or {})}
    workdir = task.workdir or config.get("WorkingDir") or "/"
    return _Design(policy, task, str(found["Id"]), workdir, variables, labels())


def _capabilities(task: TaskContainer) -> tuple[Capability, ...]:
    """The guarantees of such a container, with their mechanisms."""
    kept = {
        "memory": "the container's cgroup",
        "processes": "the container's cgroup",
        "cpu time": "the wall time of the run",
        "wall time": "pid 1 of the container ends the run's processes",
        "output": "the host reads a bounded part and ends a flood",
        "disk": None,
        "files": None,
        "network": "a network namespace with loopback only" if task.network == "none" else None,
        "host files": "the image's root, in a mount namespace",
        "environment": "what the image and the task have",
        "other runs": None,
        "nothing left": "the container's processes end with its owner; it is removed after the block",
        "privileges": "the engine's default capabilities",
        "system calls": "the engine's own filter",
    }
    return tuple(
        Capability(guarantee=guarantee, mechanism=mechanism) for guarantee, mechanism in kept.items()
    )
