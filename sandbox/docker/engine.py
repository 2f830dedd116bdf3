"""The Docker engine of the user's settings, called in threads."""

import asyncio
import operator
import os
import shlex
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.docker.polling import poll
from sandbox.errors import BackendMissing, SandboxBroken, own_command
from sandbox.stream.chores import to_the_end

if TYPE_CHECKING:
    from docker import APIClient, DockerClient


T = TypeVar("T")
_ANSWER_S = 60
"""Seconds of silence after which an engine counts as dead; podman may copy a whole image meanwhile."""
_CONNECTIONS = 64
_THREADS = 12
_MISSING, _UNDER_WAY = 404, 409
BY_SOCKET = "http+docker://"
"""URL prefix of a local engine in the SDK's client."""
IMAGE = "coder-sandbox:latest"
"""The image that `coder sandbox build` makes."""


class EngineRefused(SandboxBroken):
    """The engine answered with an error."""

    def __init__(self, message: str, *, status: int | None) -> None:
        """Store the message and the HTTP status."""
        super().__init__(message)
        self.status = status


class Engine:
    """One connection to an engine, for many callers at once."""

    def __init__(self, api: "APIClient") -> None:
        self._api = api
        # Its own threads: a silent engine must not block those of others.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")

    async def is_podman(self) -> bool:
        """Whether the engine is podman, which has fewer options. Raises SandboxBroken."""

        def act(api: "APIClient") -> bool:
            # Of Docker, a ping starts no program; to tell its version takes two.
            ping = api.get(f"{api.base_url}/_ping", timeout=_ANSWER_S)
            ping.raise_for_status()
            return "Libpod-API-Version" in ping.headers

        return bool(await self.ask("tell what it is", act))

    async def ask(self, what: str, act: "Callable[[APIClient], T]", *, missing_ok: bool = False) -> T | None:
        """Call the engine in a thread, and await its answer even when cancelled. Raises SandboxBroken."""
        from docker.errors import APIError, DockerException

        thread = asyncio.get_running_loop().run_in_executor(self._threads, act, self._api)
        try:
            return await to_the_end(thread)
        except APIError as error:
            if missing_ok and error.status_code in (_MISSING, _UNDER_WAY):
                return None
            message = f"Docker could not {what}: {error.explanation or error}"
            raise EngineRefused(message, status=error.status_code) from error
        except (DockerException, OSError) as error:
            raise SandboxBroken(f"The Docker engine could not be asked to {what}: {error}") from error

    async def update(self, name: str, changes: dict[str, int]) -> None:
        """Change limits of a running container; the SDK's own call can't change the process limit."""

        def act(api: "APIClient") -> None:
            place = f"{api.base_url}/v{api.api_version}/containers/{name}/update"
            api.post(place, json=changes, timeout=_ANSWER_S).raise_for_status()

        await self.ask("change a container's limits", act)

    async def remove(self, name: str) -> None:
        """Remove a container by force, and wait; a missing one is no error. Raises SandboxBroken."""
        await self.ask(
            "remove a container", lambda api: api.remove_container(name, force=True, v=True), missing_ok=True
        )

        async def is_left() -> bool:
            container_info = await self.ask(
                "look at a container", lambda api: api.inspect_container(name), missing_ok=True
            )
            return container_info is not None

        if await poll(is_left, operator.not_, every_s=0.02, times=200) is None:
            raise SandboxBroken(f"Docker doesn't remove the container {name}.")

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._api.close()


async def find_image(engine: Engine, name: str | None) -> tuple[str, list[str]]:
    """Return an image's immutable id and volumes. Raises BackendMissing, with advice, if it is missing."""
    tag = name or IMAGE

    def look(api: "APIClient") -> dict[str, Any]:
        return dict(api.inspect_image(tag))  # type: ignore[no-untyped-call]

    image = await engine.ask("look for an image", look, missing_ok=True)
    if image is None:
        fix = f"{own_command()} sandbox build --tag {name}" if name else f"{own_command()} sandbox build"
        raise BackendMissing(
            f"The Docker engine has no image {tag!r}, and images are never pulled. Build it with: {fix}",
            fix=fix,
        )
    return str(image["Id"]), sorted((image.get("Config") or {}).get("Volumes") or {})


async def connect() -> Engine:
    """Connect to the engine of DOCKER_HOST or the current context, or the machine's or user's default."""
    client = await asyncio.to_thread(open_client, answer_s=_ANSWER_S)
    return Engine(client.api)


def open_client(*, answer_s: float) -> "DockerClient":
    """Return the SDK's client of the engine; blocks. An engine silent for `answer_s` counts as dead.

    Raises:
        BackendMissing: the SDK is missing, or no engine answers; the message says what to do.
    """
    try:
        import docker
        from docker.constants import DEFAULT_DOCKER_API_VERSION
    except ImportError as error:
        fix = f"{shlex.quote(sys.executable)} -m pip install docker"
        raise BackendMissing(
            f"The Docker backend needs a package. Install it with: {fix}", fix=fix
        ) from error
    place = _place()
    settings = {**os.environ, **({"DOCKER_HOST": place} if place else {})}
    open_one = partial(
        docker.from_env, timeout=int(answer_s), max_pool_size=_CONNECTIONS, environment=settings
    )
    try:
        # The SDK asks for the version, for which an engine starts two programs; a ping is answered with it.
        client = open_one(version=DEFAULT_DOCKER_API_VERSION)
        ping = client.api.get(f"{client.api.base_url}/_ping", timeout=answer_s)
        client.close()
        return open_one(version=ping.headers.get("Api-Version", "auto"))
    except (docker.errors.DockerException, OSError) as error:
        raise BackendMissing(_advice(error, place)) from error


def plain_socket(stream: object) -> socket.socket:
    """Return the plain socket of an upgraded stream. Raises BackendMissing for TLS, SSH and named pipes."""
    theirs = getattr(stream, "_sock", None)
    if not isinstance(stream, socket.SocketIO) or type(theirs) is not socket.socket:
        raise BackendMissing(
            "This Docker engine is reached through TLS, SSH or a named pipe; only unix sockets and plain TCP "
            "are supported. Forward its socket: ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST, and set "
            "DOCKER_HOST=unix:///tmp/docker.sock"
        )
    own = socket.socket(fileno=theirs.detach())  # otherwise the SDK's copy stays open until it is collected
    own.setblocking(False)
    return own


def _place() -> str | None:
    """Return the URL of the engine; None for the SDK's default."""
    from docker.context import ContextAPI
    from docker.errors import DockerException

    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    try:
        context = ContextAPI.get_current_context()
    except (DockerException, OSError, ValueError):  # a broken configuration: the default is tried
        context = None
    if context is not None and context.name != "default" and context.Host:
        return str(context.Host)
    uid = os.getuid() if hasattr(os, "getuid") else 0
    rootless = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{uid}")) / "docker.sock"
    if not Path("/var/run/docker.sock").exists() and rootless.exists():
        return f"unix://{rootless}"
    return None


def _cause(error: BaseException) -> BaseException:
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return below
        below = below.__cause__ or below.__context__
    return error


def _advice(error: BaseException, place: str | None) -> str:
    where = f" at {place}" if place else ""
    cause = _cause(error)
    if isinstance(cause, PermissionError):
        return (
            f"This user may not talk to the Docker engine{where}. Use a rootless engine, or join the group, "
            "which equals being root: sudo usermod -aG docker $USER"
        )
    return (
        f"No Docker engine answers{where} ({getattr(cause, 'strerror', None) or cause}). "
        "Start one (on Debian: sudo apt-get install docker.io), or name it with DOCKER_HOST."
    )
