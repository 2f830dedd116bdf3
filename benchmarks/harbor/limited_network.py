"""Limit the network of a task's container to hosts, by the proxy that programs in sandboxes have.

The container has loopback alone. A second container, of the image of sandboxes, shares its network and
nothing else: our agent listens there and passes each connection to the proxy here. So programs reach the
hosts only by the variables of proxies (`https_proxy`), which they get.
"""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.harbor.container import HarborContainer
from coder.base.errors import UsageError
from sandbox.docker.attached_stream import attach
from sandbox.docker.engine import find_image, plain_socket
from sandbox.docker.labels import labels
from sandbox.errors import SandboxBroken
from sandbox.network.outside_lookup import Outside
from sandbox.network.proxy import Network
from sandbox.policy import Policy
from sandbox.stream.booting import BOOT, CODE, SHARED, agent_settings
from sandbox.stream.chores import to_the_end
from sandbox.stream.connections import StreamDoor
from sandbox.stream.holder import boot_agent
from sandbox.stream.link import Link

if TYPE_CHECKING:
    from docker import APIClient

_UID = "65534:65534"
_MEMORY, _PROCESSES = 256 << 20, 16
_STREAMS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
_WITHOUT = frozenset({"uid", "capabilities", "no_new_privs", "seccomp", "landlock"})
"""Mechanisms that confine programs; this agent starts no programs."""
_NEEDS = "A network limited to hosts needs the image of sandboxes on the engine."


def check_hosts(hosts: Iterable[str]) -> None:
    """Raise UsageError for entries that our proxy doesn't support."""
    try:
        Network(_entries(hosts), outside=None, without=frozenset())
    except ValueError as error:
        raise UsageError(f"allowed_hosts can't be enforced: {error}") from error


@asynccontextmanager
async def limited_network(container: HarborContainer, outside: Outside | None) -> AsyncIterator[None]:
    """Let programs of a started container reach its recipe's hosts while the context is open.

    Args:
        outside: connection to the outside; None uses this host's network.

    Raises:
        BackendMissing: the engine has no image of sandboxes.
        ContainerEnded: the container has ended.
        SandboxBroken: the engine failed.
    """
    engine, name = container.engine, f"coder-harbor-{secrets.token_hex(6)}"
    image, _ = await find_image(engine, None)
    network = Network(_entries(container.recipe.hosts), outside=outside, without=frozenset())

    async def release() -> None:
        await engine.remove(name)

    try:
        await engine.ask("make a network's container", lambda api: _create(api, image, container.name, name))
        stream = await engine.ask(
            "attach to a container", lambda api: plain_socket(api.attach_socket(name, params=_STREAMS))
        )
        assert stream is not None
        link = Link(await attach(stream))
        await container.while_running("start a network's container", lambda api: api.start(name))
        settings = agent_settings(Policy(), uid=None, without=_WITHOUT, landlock=0)
        settings |= {"folders": [SHARED], "rules": [], "tidy": [], "workspace": "/", "in_place": True}
        proxy = network.serve(StreamDoor(link))
        try:
            await boot_agent(link, {**settings, "egress": True}, release, needs=_NEEDS)
            yield
        finally:
            proxy.close()
            link.close()
            await network.close()
    finally:
        await to_the_end(_remove(container, name))


async def _remove(container: HarborContainer, name: str) -> None:
    try:
        await container.engine.remove(name)
    except SandboxBroken:
        return


def _entries(hosts: Iterable[str]) -> tuple[str, ...]:
    """Return the hosts in the form of our allow-list, with IPv6 addresses in brackets."""
    return tuple(f"[{host}]" if ":" in host and "/" not in host else host for host in hosts)


def _create(api: "APIClient", image: str, beside: str, name: str) -> None:
    host_config = api.create_host_config(
        network_mode=f"container:{beside}",
        read_only=True,
        auto_remove=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        mem_limit=_MEMORY,
        memswap_limit=_MEMORY,
        pids_limit=_PROCESSES,
        tmpfs={CODE: "rw,nosuid,nodev,noexec,mode=1777,size=16m"},
    )
    api.create_container(
        image,
        name=name,
        entrypoint=["python3", "-I", "-S", "-c", BOOT],
        command=[],
        user=_UID,
        working_dir="/",
        stdin_open=True,
        healthcheck={"test": ["NONE"]},
        labels=labels(),
        host_config=host_config,
        use_config_proxy=False,
    )
