"""The Docker backend: a container with the persistent workspace, and one for each fresh run.

The image's own Python runs the programs: a policy's `python` names one of the host's and is ignored.
The engine reports a program's end as an exit code, so `exit(137)` and death by signal 9 look the same:
codes from 129 to 192 are taken for signals.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from sandbox.contract import OnOutput, Running, Session
from sandbox.docker import container_files as filing
from sandbox.docker.container import Container, capabilities_of, rlimits_of
from sandbox.docker.container_execution import ContainerEntry, ContainerExecution, execute
from sandbox.docker.engine import Chores, Engine, to_the_end
from sandbox.docker.lasting_container import LastingContainer
from sandbox.docker.session_containers import SessionContainers
from sandbox.docker.spares import Spares
from sandbox.errors import SandboxBroken
from sandbox.files.workspace_files import WithFiles
from sandbox.host.limits import Jobs, resolve
from sandbox.policy import Capability, Limits
from sandbox.program import Program
from sandbox.result import Result


class DockerSandbox(WithFiles):
    """A sandbox of containers. Made by `open_docker.open_docker`."""

    backend = "docker"

    def __init__(self, engine: Engine, first: Container) -> None:
        """`first` is an unused container."""
        self._policy, self._facts = first.recipe.policy, first.facts
        self.image = first.recipe.image
        self._chores = Chores()
        self._usual = resolve(self._policy, None)
        self._turn, self._settling = asyncio.Lock(), asyncio.Lock()
        self._spares = Spares(engine, first, self._usual, self._chores)
        self._lasting: LastingContainer | None = None
        self._laid: Mapping[str, bytes] | None = None
        """Contents of the persistent workspace, while unused since `lay`."""
        self._jobs = Jobs(first.facts.environment | self._policy.environment, rlimits_of)
        self._sessions = SessionContainers(engine, first, self._chores)
        self._closing: asyncio.Task[None] | None = None

    def capabilities(self) -> Sequence[Capability]:
        """Each guarantee with its mechanism on this machine."""
        return capabilities_of(self._facts, runtime=self._policy.runtime)

    async def run(
        self,
        program: Program,
        *,
        limits: Limits | None = None,
        stdin: bytes | int = b"",
        on_output: OnOutput | None = None,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> Result:
        """Implements `Sandbox.run`; waiting for a turn takes none of its time. Raises ValueError."""
        if files and not fresh:
            raise ValueError("Only a fresh run is given files; write() is for the workspace that lasts.")
        allowed = resolve(self._policy, limits)
        job = self._jobs.of(program, allowed)
        if fresh:
            return await self._spares.run(job, allowed, stdin, on_output, files or {})
        async with self._turn:
            lasting = await self._settle()
            taken = await lasting.take(allowed)
            try:
                result, ended = await execute(taken, job, allowed, stdin, on_output)
                lasting.note(ended)
                return result
            finally:
                await to_the_end(lasting.give_back(taken))

    async def start(
        self,
        entry: str,
        arguments: Mapping[str, object],
        *,
        limits: Limits | None = None,
        fresh: bool = False,
    ) -> Running:
        """Implements `Sandbox.start`. Raises ValueError: not an entry's name."""
        if not all(part.isidentifier() for part in entry.split(".")):
            raise ValueError(f"{entry!r} isn't the name of an entry.")
        allowed = resolve(self._policy, limits)
        lasting = None if fresh else await self._settle()
        taken = await (lasting or self._spares).take(allowed)

        async def done() -> None:
            if lasting is None:
                self._spares.give_back(taken)
            else:
                await lasting.give_back(taken)

        execution = ContainerExecution(taken, allowed, on_output=None)
        running = ContainerEntry(execution, taken, done=done)
        job = self._jobs.of_entry(entry, arguments, allowed)
        try:
            await execution.begin(job)
        except BaseException:
            execution.close()
            await to_the_end(done())
            raise
        return running

    def session(
        self,
        *,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Implements `Sandbox.session` in its own container. Raises ValueError: files without fresh.

        Without `fresh` it works on a copy of the workspace's regular files, copied back at its end.
        """
        if files and not fresh:
            raise ValueError("Only a fresh session is given files; write() is for the workspace that lasts.")
        return self._sessions.open(environment or {}, files or {}, None if fresh else self._contents)

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace hold exactly these files; the SHA-256 (hex) of each."""
        lasting = await self._settle()
        async with lasting.serving() as prepared:
            hashes = await filing.lay_exactly(prepared, files)
        self._laid = dict(files) if lasting.is_idle else None
        return hashes

    async def manifest(self) -> dict[str, str]:
        """SHA-256 (hex) of each regular file of the workspace by its relative path."""
        async with (await self._settle()).serving() as prepared:
            return await filing.ContainerFiles(prepared).manifest()

    async def close(self) -> None:
        """End every process, and release all resources. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await to_the_end(self._closing)

    async def _close(self) -> None:
        async with self._settling:
            if self._lasting is not None:
                container = self._lasting.container
                container.condemn(SandboxBroken("The sandbox is closed."))
                container.control.close()
            self._sessions.close()
            await self._spares.close()
        await self._chores.finish()

    @contextlib.asynccontextmanager
    async def _filing(self) -> AsyncIterator[filing.ContainerFiles]:
        async with (await self._settle()).serving() as prepared:
            yield filing.ContainerFiles(prepared)

    async def _contents(self) -> Mapping[str, bytes]:
        """The regular files of the persistent workspace."""
        laid, self._laid = self._laid, None
        if laid is not None:
            return laid
        async with (await self._settle()).serving() as prepared:
            return await filing.ContainerFiles(prepared).contents()

    async def _settle(self) -> LastingContainer:
        """The container of the persistent workspace, made at its first use."""
        self._laid = None
        async with self._settling:
            if self._lasting is None:
                spare = await self._spares.withdraw(self._usual)
                container = spare.container
                container.on_end = lambda ended: self._chores.start(ended.remove())
                self._lasting = LastingContainer(spare, self._usual, self._chores)
            await self._sessions.bring_back(self._lasting)
            return self._lasting
