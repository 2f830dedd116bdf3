"""A sandbox of places behind agents: a lasting one, and one for each fresh run or session."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.contract import OnOutput, Running, Session
from sandbox.files.workspace_files import WithFiles
from sandbox.host.capabilities import network_of, proxy_variables, require_kept
from sandbox.host.limits import Jobs, refuse_lasting_files, refuse_wrong_entry, resolve
from sandbox.host.session import LiveSession
from sandbox.policy import Capability, Limits, Policy
from sandbox.program import Program
from sandbox.result import Result
from sandbox.stream.chores import Chores, to_the_end
from sandbox.stream.holder import Holder
from sandbox.stream.place import Place, rlimits_of, run_fresh
from sandbox.stream.spares import Spares
from sandbox.stream.stream_files import StreamFiles

if TYPE_CHECKING:
    from sandbox.network.outside_lookup import Outside
    from sandbox.network.proxy import Network


@contextlib.asynccontextmanager
async def open_places(
    backend: str,
    image: str | None,
    policy: Policy,
    open_one: Callable[[], Awaitable[Holder]],
    capabilities_of: Callable[[Mapping[str, Any]], Sequence[Capability]],
    *,
    without: frozenset[str],
    outside: "Outside | None",
) -> AsyncIterator["StreamSandbox"]:
    """Context manager that opens a sandbox of one backend.

    Args:
        capabilities_of: function from an agent's report to the guarantees of its place.
        without, outside: as `open_bubblewrap` takes them.

    Raises PolicyUnmet; and whatever `open_one` raises.
    """
    first = await open_one()
    capabilities = capabilities_of(first.facts)
    network = network_of(policy, outside=outside, without=without)
    sandbox = StreamSandbox(backend, image, policy, capabilities, first, open_one, network=network)
    try:
        require_kept(policy, capabilities)
        yield sandbox
    finally:
        await sandbox.close()


class StreamSandbox(WithFiles):
    """Implements `sandbox.contract.Sandbox`, which documents each method."""

    def __init__(
        self,
        backend: str,
        image: str | None,
        policy: Policy,
        capabilities: Sequence[Capability],
        first: Holder,
        open_one: Callable[[], Awaitable[Holder]],
        *,
        network: "Network | None" = None,
    ) -> None:
        """`first` is unused; `network`: hosts that programs may reach."""
        self.backend, self.image = backend, image
        self._policy, self._capabilities = policy, capabilities
        self._chores = Chores()
        self._usual = resolve(policy, None)
        self._turn, self._settling = asyncio.Lock(), asyncio.Lock()
        self._network = network
        self._spares = Spares(open_one, first, self._chores)
        self._lasting: Place | None = None
        self._laid: Mapping[str, str] | None = None
        """SHA-256 by path of the lasting workspace's files, while unused since `lay`."""
        proxy_environment = proxy_variables() if network is not None else {}
        self._environment = {**first.environment, **proxy_environment, **policy.environment}
        self._jobs = Jobs(self._environment, partial(rlimits_of, counted=first.counted))
        self._closing: asyncio.Task[None] | None = None

    def capabilities(self) -> Sequence[Capability]:
        """Return each guarantee with its mechanism."""
        return self._capabilities

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
        """Run one program; the wait for its turn doesn't count towards its time."""
        refuse_lasting_files("run", files, fresh=fresh)
        allowed = resolve(self._policy, limits)
        job = self._jobs.of(program, allowed)
        if fresh:
            async with self._fresh() as place:
                return await run_fresh(place, job, allowed, files or {}, stdin=stdin, on_output=on_output)
        async with self._turn:
            lasting = await self._settle()
            return (await lasting.execute(job, allowed, stdin=stdin, on_output=on_output)).outcome

    async def start(
        self,
        entry: str,
        arguments: Mapping[str, object],
        *,
        limits: Limits | None = None,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> Running:
        """Start a trusted entry. Raises ValueError for a wrong entry name, or files without `fresh`."""
        refuse_wrong_entry(entry)
        refuse_lasting_files("entry", files, fresh=fresh)
        allowed = resolve(self._policy, limits)
        job = self._jobs.of_entry(entry, arguments, allowed)
        if not fresh:
            return await (await self._settle()).start(job, allowed)
        holder = await self._spares.take()
        try:
            place = self._place_of(holder, once=True)
            if files:
                await place.files.lay(files)
            return await place.start(job, allowed)
        except BaseException:
            self._spares.give_back(holder)
            raise

    def session(
        self,
        *,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Open a session. Raises ValueError for files without `fresh`."""
        refuse_lasting_files("session", files, fresh=fresh)
        return self._session(environment or {}, files or {}, fresh=fresh)

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace hold exactly these files; return the SHA-256 (hex) of each."""
        lasting = await self._settle()
        hashes = await lasting.files.lay_exactly(files)
        self._laid = dict(hashes) if lasting.is_idle else None
        return hashes

    async def manifest(self) -> dict[str, str]:
        """Return the SHA-256 (hex) of each regular file of the workspace by its relative path."""
        return await (await self._settle()).files.manifest()

    async def close(self) -> None:
        """End every process, and release all resources. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await to_the_end(self._closing)

    async def _close(self) -> None:
        async with self._settling:
            if self._lasting is not None:
                self._chores.start(self._lasting.holder.remove())
            await self._spares.close()
        await self._chores.finish()
        if self._network is not None:
            await self._network.close()

    @contextlib.asynccontextmanager
    async def _filing(self) -> AsyncIterator[StreamFiles]:
        yield (await self._settle()).files

    @contextlib.asynccontextmanager
    async def _fresh(self) -> AsyncIterator[Place]:
        holder = await self._spares.take()
        try:
            yield self._place_of(holder)
        finally:
            self._spares.give_back(holder)

    @contextlib.asynccontextmanager
    async def _session(
        self, environment: Mapping[str, str], files: Mapping[str, bytes], *, fresh: bool
    ) -> AsyncIterator[LiveSession]:
        if not fresh:
            laid = self._laid
            lasting = await self._settle()
            async with lasting.session(self._usual, self._environment, environment, laid or {}) as session:
                yield session
            return
        async with self._fresh() as place:
            hashes = await place.files.lay_exactly(files) if files else {}
            async with place.session(self._usual, self._environment, environment, hashes) as session:
                yield session

    def _place_of(self, holder: Holder, *, once: bool = False) -> Place:
        """Return the place of a holder; `once`: the end of its first entry gives the holder back."""
        if self._network is not None:
            holder.serve(self._network)
        back = (lambda: self._spares.give_back(holder)) if once else None
        return Place(holder, self._policy, self._usual, self._chores, on_idle=back)

    async def _settle(self) -> Place:
        """Return the place of the lasting workspace, made at its first use."""
        self._laid = None
        async with self._settling:
            if self._lasting is None:
                holder = await self._spares.withdraw()
                holder.link.on_end = lambda: self._chores.start(holder.remove())
                self._lasting = self._place_of(holder)
            return self._lasting
