"""Labels that name the owner of a container, and the removal of containers whose owner is dead.

A container whose owner is gone ends by itself. One stays where its owner was killed before it started, or
where the engine failed to remove it: the next sandbox, or `coder sandbox reap`, removes it.
"""

import time
from typing import TYPE_CHECKING, Any

from sandbox.docker.control_channel import LEASE_S
from sandbox.docker.engine import Engine, connect
from sandbox.supervisor.owner import Owner, owner_in, this_process

if TYPE_CHECKING:
    from docker import APIClient

OURS, OWNER, CREATED = (f"coder.sandbox{part}" for part in ("", ".owner", ".created"))
"""Labels: that it is ours, of which process, and since when (seconds since 1970)."""
_YOUNG_S = 2 * LEASE_S


def labels() -> dict[str, str]:
    """Labels of a container of this process."""
    me = _me()
    return {OURS: "1", OWNER: me.mark if me else "", CREATED: str(int(time.time()))}


async def reap_containers() -> list[str]:
    """Remove what dead owners left on the engine; the names of the containers.

    Raises:
        BackendMissing: there is no engine.
        SandboxBroken: the engine refused.
    """
    engine = await connect()
    try:
        return await remove_left_containers(engine, thorough=True)
    finally:
        engine.close()


async def remove_left_containers(engine: Engine, *, thorough: bool) -> list[str]:
    """Remove containers whose owner is dead; their names.

    Args:
        thorough: also running ones, and old ones of owners that can't be looked for.

    Raises:
        SandboxBroken: the engine refused.
    """
    left = [item for item in await list_containers(engine, OURS) if _is_left(item, thorough=thorough)]
    for item in left:
        await engine.remove(str(item["Id"]))
    return [str(item["Names"][0]).lstrip("/") for item in left]


async def list_containers(engine: Engine, label: str) -> list[dict[str, Any]]:
    """Each container with a label, running or not.

    Raises:
        SandboxBroken: the engine refused.
    """

    def act(api: "APIClient") -> list[dict[str, Any]]:
        return list(api.containers(all=True, filters={"label": label}))

    return await engine.ask("list containers", act) or []


def _is_left(item: dict[str, Any], *, thorough: bool) -> bool:
    given = item["Labels"]
    created = given.get(CREATED, "")
    age_s = time.time() - int(created) if created.isdigit() else _YOUNG_S
    runs = item["State"] in ("running", "paused", "restarting")
    if _is_certainly_dead(owner_in(given.get(OWNER, ""))):
        return thorough or not runs
    return thorough and not runs and age_s > _YOUNG_S


def _is_certainly_dead(owner: Owner | None) -> bool:
    """An engine can serve several machines: only an owner of this boot can be looked for."""
    me = _me()
    return owner is not None and me is not None and owner.boot == me.boot and owner.is_dead


def _me() -> Owner | None:
    try:
        return this_process()
    except OSError:  # a system without /proc: an owner there can't be looked for
        return None
