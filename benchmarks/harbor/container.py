"""Run one container of a Harbor task: start programs, put files in, read files, stop all processes."""

import asyncio
import io
import secrets
import shlex
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from benchmarks.harbor.health import wait_until_healthy
from benchmarks.harbor.recipe import HarborRecipe, create
from sandbox.docker.engine import Engine
from sandbox.docker.polling import poll
from sandbox.errors import SandboxBroken
from sandbox.result import Value
from sandbox.stream.chores import to_the_end

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")
_LOOK_S = 0.05
_ENDING_S = 3.0
"""Seconds that processes have to end after SIGTERM."""
_LIST_S = 30.0
_MISSING = 404
_SLOW_S = 600
_CHUNK = 1 << 20


class Exit(Value):
    """How a program ended."""

    exit_code: int | None
    """None if it took longer than its limit."""

    @property
    def timed_out(self) -> bool:
        """Whether it took longer than its limit."""
        return self.exit_code is None


class HarborContainer:
    """A container of a task. Made by `open_container`."""

    def __init__(self, engine: Engine, recipe: HarborRecipe, name: str) -> None:
        self.engine, self.recipe, self.name = engine, recipe, name
        self._config: dict[str, Any] = {}

    @property
    def workdir(self) -> str:
        """Work folder of programs."""
        return self.recipe.workdir or str(self._config["Config"].get("WorkingDir") or "/")

    @property
    def path(self) -> tuple[str, ...]:
        """Folders of PATH, as the image or the task sets it."""
        default = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return tuple(folder for folder in self.variables.get("PATH", default).split(":") if folder)

    @property
    def variables(self) -> dict[str, str]:
        """Variables of programs, as the image and the task set them."""
        return dict(str(item).partition("=")[::2] for item in self._config["Config"].get("Env") or ())

    @property
    def volumes(self) -> tuple[str, ...]:
        """Mount points, whose content isn't part of the container's changes."""
        return tuple(sorted(str(mount["Destination"]) for mount in self._config.get("Mounts") or ()))

    async def start(self) -> None:
        """Create and start it; its program only waits. Raises SandboxBroken."""
        recipe, name = self.recipe, self.name
        await self.engine.ask("make a task's container", lambda api: create(api, recipe, name))
        await self.engine.ask("start a task's container", lambda api: api.start(self.name))
        config = await self.engine.ask(
            "look at a task's container", lambda api: dict(api.inspect_container(self.name))
        )
        assert config is not None
        self._config = config

    async def run(
        self,
        command: Sequence[str],
        *,
        timeout_s: float,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        log: str | None = None,
        ends_container: bool = True,
    ) -> Exit:
        """Run a program to its end.

        Args:
            log: path in the container for stdout and stderr; None drops them.
            ends_container: whether a program that takes longer ends with the container, or lives on in it.
        """
        line = f"exec {shlex.join(command)} > {shlex.quote(log or '/dev/null')} 2>&1"

        def begin(api: "APIClient") -> str:
            made = api.exec_create(
                self.name,
                ["sh", "-c", line],
                environment=dict(environment or {}),
                user=user or self.recipe.user or "",
                workdir=self.recipe.workdir,
            )
            api.exec_start(made["Id"], detach=True)
            return str(made["Id"])

        started = await self.engine.ask("start a program", begin)
        assert started is not None

        async def look() -> dict[str, Any]:
            state = await self.engine.ask("look at a program", lambda api: dict(api.exec_inspect(started)))
            assert state is not None
            return state

        try:
            async with asyncio.timeout(timeout_s):
                state = await poll(
                    look, lambda state: not state["Running"], every_s=_LOOK_S, times=sys.maxsize
                )
        except TimeoutError:
            if ends_container:
                await self.kill()
            return Exit(exit_code=None)
        assert state is not None
        return Exit(exit_code=int(state["ExitCode"] or 0))

    async def commands(self) -> frozenset[str]:
        """Names of the programs on PATH, as a fresh container lists them."""
        listed = "/.coder-commands"
        await self.run(["ls", "-1", *self.path], timeout_s=_LIST_S, user="0", log=listed)
        content = await self.read_file(listed, max_bytes=_CHUNK) or b""
        await self.run(["rm", "-f", listed], timeout_s=_LIST_S, user="0")
        return frozenset(content.decode(errors="replace").split())

    async def put(self, archive: IO[bytes]) -> None:
        """Extract a tar archive at the root of the container."""

        def act(api: "APIClient") -> None:
            archive.seek(0)
            url = f"{api.base_url}/v{api.api_version}/containers/{self.name}/archive"
            answer = api.put(url, params={"path": "/"}, data=archive, timeout=_SLOW_S)
            answer.raise_for_status()

        await self.engine.ask("put files into a container", act)

    async def with_archive(self, path: str, read: Callable[[IO[bytes]], T]) -> T | None:
        """Read the engine's tar stream of a path in a thread; None if there is no such path."""
        return await self._stream("archive", {"path": path}, read)

    async def with_export(self, read: Callable[[IO[bytes]], T]) -> T | None:
        """Read the engine's tar stream of the whole file system, without volumes, in a thread."""
        return await self._stream("export", {}, read)

    async def _stream(self, what: str, params: dict[str, str], read: Callable[[IO[bytes]], T]) -> T | None:
        def act(api: "APIClient") -> T | None:
            from urllib3.exceptions import HTTPError

            url = f"{api.base_url}/v{api.api_version}/containers/{self.name}/{what}"
            plain = {"Accept-Encoding": "identity"}
            with api.get(url, params=params, headers=plain, stream=True, timeout=_SLOW_S) as answer:
                if answer.status_code == _MISSING:
                    return None
                answer.raise_for_status()
                try:
                    return read(cast(IO[bytes], answer.raw))
                except (HTTPError, tarfile.TarError) as error:
                    raise SandboxBroken(f"The engine's archive of {params} broke off: {error}") from error

        return await self.engine.ask("read files of a container", act)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes | None:
        """Return the end of a regular file, at most so many bytes; None if there is no such file."""

        def read(stream: IO[bytes]) -> bytes | None:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                entry = archive.next()
                file = archive.extractfile(entry) if entry is not None and entry.isreg() else None
                if file is None:
                    return None
                end = b""
                while chunk := file.read(_CHUNK):
                    end = (end + chunk)[-max_bytes:]
                return end

        return await self.with_archive(path, read)

    async def stop(self) -> None:
        """End all processes: SIGTERM first, so that services write their files, then SIGKILL."""
        with suppress(SandboxBroken):  # a stopped container, or an image without `kill`
            await self.run(["sh", "-c", "kill -TERM -1"], timeout_s=_ENDING_S, user="0")

            async def count() -> int:
                processes = await self.engine.ask("list processes", self._processes)
                return len(processes or ())

            # pid 1 and its `sleep` remain.
            await poll(
                count, lambda processes: processes <= 2, every_s=_LOOK_S, times=int(_ENDING_S / _LOOK_S)
            )
        await self.kill()

    def _processes(self, api: "APIClient") -> list[Any]:
        return list(api.top(self.name)["Processes"] or ())

    async def kill(self) -> None:
        """End all processes at once, and wait until the engine says that they ended."""
        await self.engine.ask("end a container", lambda api: api.kill(self.name), missing_ok=True)
        await self.engine.ask("wait for a container", lambda api: api.wait(self.name), missing_ok=True)

    async def remove(self) -> None:
        """Remove it with its volumes."""
        with suppress(SandboxBroken):
            await self.engine.remove(self.name)


@asynccontextmanager
async def open_container(engine: Engine, recipe: HarborRecipe) -> AsyncIterator[HarborContainer]:
    """Open a container of a task once it is healthy; afterwards nothing of it remains.

    Raises:
        UsageError: its health check fails.
        SandboxBroken: the engine failed.
    """
    container = HarborContainer(engine, recipe, f"coder-harbor-{secrets.token_hex(6)}")
    try:
        await container.start()
        if recipe.healthcheck is not None:
            await wait_until_healthy(container.run, recipe.healthcheck)
        yield container
    finally:
        await to_the_end(container.remove())


def tar_of(entries: Sequence[tuple[tarfile.TarInfo, bytes]]) -> IO[bytes]:
    """Return a tar archive in memory."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed
