"""Run one container of a Harbor task: start programs, freeze or stop all processes."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.harbor.compose.options import Wiring
from benchmarks.harbor.container_files import ContainerFiles
from benchmarks.harbor.recipe import HarborRecipe, create
from sandbox.docker.engine import Engine, EngineRefused
from sandbox.docker.polling import poll, retry
from sandbox.errors import SandboxBroken
from sandbox.result import Value
from sandbox.stream.chores import to_the_end

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")
_FREEZE_TRIES, _FREEZE_WAIT_S = 5, 0.5
_SERVER_ERROR = 500
"""HTTP status of a request that the engine failed to execute."""
_LOOK_S = 0.05
_ENDING_S = 3.0
"""Seconds that processes get to end after SIGTERM."""
_LIST_S = 30.0
_LISTED_BYTES = 1 << 20
_NOT_STARTED_STATUSES = (400, 404)
_NOTICED_S = 1.0
_COMMANDS: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
"""Names of programs by id of the image and folders of PATH."""


class ContainerEnded(SandboxBroken):
    """A task's container didn't start, or its first program ended by itself: a fault of the task."""


class Exit(Value):
    """How a program ended."""

    exit_code: int | None
    """None if the program exceeded its time limit."""

    @property
    def timed_out(self) -> bool:
        """Whether the program exceeded its time limit."""
        return self.exit_code is None


class HarborContainer(ContainerFiles):
    """Container of a task. Open it with `opening.open_container`."""

    def __init__(self, engine: Engine, recipe: HarborRecipe, name: str, wiring: Wiring | None = None) -> None:
        """Take the engine, a recipe, a name, and for a service of a project its networks and volumes."""
        super().__init__(engine, name)
        self.recipe, self._wiring = recipe, wiring
        self.services: dict[str, HarborContainer] = {}
        """Services of the project by name, without the main one."""
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
        """Environment variables of programs, as the image and the task set them."""
        return dict(str(item).partition("=")[::2] for item in self._config["Config"].get("Env") or ())

    @property
    def volumes(self) -> tuple[str, ...]:
        """Mount points, whose content isn't part of the container's changes."""
        return tuple(sorted(str(mount["Destination"]) for mount in self._config.get("Mounts") or ()))

    @property
    def volume_names(self) -> frozenset[str]:
        """Names of its volumes on the engine: the project's, its anonymous ones, and the image's."""
        mounts = self._config.get("Mounts") or ()
        return frozenset(str(mount["Name"]) for mount in mounts if mount["Type"] == "volume")

    async def create(self) -> None:
        """Create the container without starting it. Raises ContainerEnded, SandboxBroken."""
        recipe, name, wiring = self.recipe, self.name, self._wiring
        await self._of_image("make a task's container", lambda api: create(api, recipe, name, wiring))

    async def start(self) -> None:
        """Start the created container. Raises ContainerEnded, SandboxBroken."""
        await self._of_image("start a task's container", lambda api: api.start(self.name))
        config = await self.engine.ask(
            "look at a task's container", lambda api: dict(api.inspect_container(self.name))
        )
        assert config is not None
        self._config = config

    async def _of_image(self, what: str, act: "Callable[[APIClient], object]") -> None:
        try:
            await self.engine.ask(what, act)
        except EngineRefused as error:
            if error.status in _NOT_STARTED_STATUSES:
                raise ContainerEnded(f"The container of the task's image doesn't start: {error}") from error
            raise

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
            ends_container: whether to end the container if the program exceeds its time; else it continues.

        Raises:
            ContainerEnded: the container isn't running.
            SandboxBroken: the engine failed.
        """
        line = f"exec {shlex.join(command)} > {shlex.quote(log or '/dev/null')} 2>&1"

        def begin(api: "APIClient") -> str:
            exec_info = api.exec_create(
                self.name,
                ["sh", "-c", line],
                environment=dict(environment or {}),
                user=user or self.recipe.user or "",
                workdir=self.recipe.workdir,
            )
            api.exec_start(exec_info["Id"], detach=True)
            return str(exec_info["Id"])

        started = await self.while_running("start a program", begin)
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

    async def while_running(self, what: str, act: "Callable[[APIClient], T]") -> T | None:
        """Make a call of the engine that needs a running container. Raises ContainerEnded, SandboxBroken."""
        try:
            return await self.engine.ask(what, act)
        except EngineRefused as error:
            # The engine learns that it ended a moment after it refuses.
            times = int(_NOTICED_S / _LOOK_S)
            exit_code = await poll(
                self.exit_code, lambda code: code is not None, every_s=_LOOK_S, times=times
            )
            if exit_code is None:
                raise
            raise ContainerEnded(
                f"The first program of the task's container ended by itself, with exit code {exit_code}. "
                "An ENTRYPOINT has to run the command that it is given, which waits."
            ) from error

    async def exit_code(self) -> int | None:
        """Return the exit code of the container's first program; None while it runs."""
        look = await self.engine.ask(
            "look at a task's container", lambda api: dict(api.inspect_container(self.name))
        )
        assert look is not None
        return None if look["State"]["Running"] else int(look["State"]["ExitCode"])

    async def commands(self) -> frozenset[str]:
        """Return the names of the programs on PATH; they are listed once per image, in a fresh container."""
        listed, place = "/.coder-commands", (self.recipe.image, self.path)
        if place not in _COMMANDS or self.volumes:
            await self.run(["ls", "-1", *self.path], timeout_s=_LIST_S, user="0", log=listed)
            content = await self.read_file(listed, max_bytes=_LISTED_BYTES) or b""
            await self.run(["rm", "-f", listed], timeout_s=_LIST_S, user="0")
            _COMMANDS[place] = frozenset(content.decode(errors="replace").split())
        return _COMMANDS[place]

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Freeze all processes while the context is open, so that none changes files, unless it has ended."""
        if await self.exit_code() is not None:
            yield
            return
        await self._freeze()
        try:
            yield
        finally:
            thaw = self.engine.ask(
                "unfreeze a container", lambda api: api.unpause(self.name), missing_ok=True
            )
            await to_the_end(thaw)

    async def _freeze(self) -> None:
        async def freeze() -> None:
            await self.engine.ask("freeze a container", lambda api: api.pause(self.name))

        # On a busy machine the kernel may not stop all processes at once, and the engine gives up.
        await retry(freeze, may_pass=_is_failure, every_s=_FREEZE_WAIT_S, times=_FREEZE_TRIES)

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
        """End all processes at once, and wait until the engine reports their end."""
        await self.engine.ask("end a container", lambda api: api.kill(self.name), missing_ok=True)
        await self.engine.ask("wait for a container", lambda api: api.wait(self.name), missing_ok=True)

    async def remove(self) -> None:
        """Remove the container with its volumes."""
        with suppress(SandboxBroken):
            await self.engine.remove(self.name)


def _is_failure(error: BaseException) -> bool:
    """Whether the engine accepted the request but failed to execute it."""
    return isinstance(error, EngineRefused) and error.status == _SERVER_ERROR
