"""Label containers, networks and volumes with their owner, and remove those of dead owners.

A started container ends with its owner by itself. For one created and not yet started, a process beside each
sandbox awaits the owner's death; `coder sandbox reap` removes what it misses.
"""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sandbox.docker.engine import Engine, connect
from sandbox.docker.polling import repeat
from sandbox.errors import SandboxBroken
from sandbox.stream.link import LEASE_S
from sandbox.supervisor.owner import Owner, parse_owner, this_process

if TYPE_CHECKING:
    from docker import APIClient

OURS, OWNER, CREATED = (f"coder.sandbox{part}" for part in ("", ".owner", ".created"))
"""Labels: the marker, the owning process, and the time (seconds since 1970)."""
_YOUNG_S = 2 * LEASE_S
_OLD_S = 86_400
"""Age in seconds from which networks and volumes count as leftovers if their owner can't be looked up."""
_TRIES, _PAUSE_S = 6, 0.5
"""Tries, and seconds between them: the engine may still create containers that a dead owner requested."""
_KEEPER = """\
import os, sys
while os.read(0, 1):
    pass
sys.path[:] = sys.argv[2:]
from sandbox.docker.labels import remove_all_of
remove_all_of(sys.argv[1])
"""


def labels() -> dict[str, str]:
    """Return the labels of a container of this process."""
    me = _me()
    return {OURS: "1", OWNER: me.mark if me else secrets.token_hex(8), CREATED: str(int(time.time()))}


@contextlib.contextmanager
def keeper(owner: str) -> Iterator[None]:
    """Run a process that removes this owner's containers if the owner dies inside the `with` block."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _KEEPER, owner, *map(os.path.abspath, sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def remove_all_of(owner: str) -> None:
    """Remove a dead owner's containers, networks and volumes, including ones created shortly after.

    Called by the owner's keeper.
    """

    async def remove() -> None:
        with contextlib.closing(await connect()) as engine:
            for item in await list_containers(engine, f"{OWNER}={owner}"):
                with contextlib.suppress(SandboxBroken):  # others can still be removed
                    await engine.remove(str(item["Id"]))
            for place in await list_places(engine, f"{OWNER}={owner}"):
                with contextlib.suppress(SandboxBroken):
                    await _remove_place(engine, place)

    asyncio.run(repeat(remove, every_s=_PAUSE_S, times=_TRIES))


async def reap_engine() -> list[str]:
    """Remove containers, networks and volumes of dead owners; return kind and name of each."""
    engine = await connect()
    try:
        orphans = [item for item in await list_containers(engine, OURS) if _is_left(item)]
        for item in orphans:
            await engine.remove(str(item["Id"]))
        places = [place for place in await list_places(engine, OURS) if _is_place_left(place)]
        for place in places:
            await _remove_place(engine, place)
        names = [f"container {str(item['Names'][0]).lstrip('/')}" for item in orphans]
        return [*names, *(f"{place['Kind']} {place['Name']}" for place in places)]
    finally:
        engine.close()


async def list_places(engine: Engine, label: str) -> list[dict[str, Any]]:
    """Return networks and volumes with a label, and their kinds. Raises SandboxBroken on a refusal."""

    def act(api: "APIClient") -> list[dict[str, Any]]:
        chosen = {"label": label}
        networks = [{**item, "Kind": "network"} for item in api.networks(filters=chosen)]
        volumes = api.volumes(filters=chosen)["Volumes"] or ()
        return [*networks, *({**item, "Kind": "volume"} for item in volumes)]

    return await engine.ask("list networks and volumes", act) or []


async def _remove_place(engine: Engine, place: dict[str, Any]) -> None:
    def act(api: "APIClient") -> None:
        remove: Callable[[str], None] = (
            api.remove_network if place["Kind"] == "network" else api.remove_volume
        )
        remove(str(place["Name"]))

    await engine.ask(f"remove a {place['Kind']}", act, missing_ok=True)


async def list_containers(engine: Engine, label: str) -> list[dict[str, Any]]:
    """Return each container with a label, running or not. Raises SandboxBroken on a refusal."""

    def act(api: "APIClient") -> list[dict[str, Any]]:
        return list(api.containers(all=True, filters={"label": label}))

    return await engine.ask("list containers", act) or []


def _is_place_left(place: dict[str, Any]) -> bool:
    labels = place["Labels"]
    created = labels.get(CREATED, "")
    is_old = created.isdigit() and time.time() - int(created) > _OLD_S
    return _is_certainly_dead(parse_owner(labels.get(OWNER, ""))) or is_old


def _is_left(item: dict[str, Any]) -> bool:
    labels = item["Labels"]
    created = labels.get(CREATED, "")
    age_s = time.time() - int(created) if created.isdigit() else _YOUNG_S
    if _is_certainly_dead(parse_owner(labels.get(OWNER, ""))):
        return True
    return age_s > _YOUNG_S and item["State"] not in ("running", "paused", "restarting")


def _is_certainly_dead(owner: Owner | None) -> bool:
    """Whether an owner was started since this boot and is dead; others may be of another machine."""
    me = _me()
    return owner is not None and me is not None and owner.boot == me.boot and owner.is_dead


def _me() -> Owner | None:
    try:
        return this_process()
    except OSError:  # a system without /proc: an owner there can't be looked for
        return None
