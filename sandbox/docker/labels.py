"""Whose a container is, so that nobody alive is ever taken for dead; and the removal of those nobody has.

A container whose owner is gone ends by itself. What stays is what was made and never started, or what an
engine was too sick to remove.
"""

import time
from typing import TYPE_CHECKING, Any

from sandbox.docker.control_channel import LEASE_S
from sandbox.docker.engine import Engine, connect
from sandbox.supervisor.owner import Owner, owner_in, this_process

if TYPE_CHECKING:
    from docker import APIClient

OURS, SANDBOX, OWNER, CREATED = (f"coder.sandbox{part}" for part in ("", ".id", ".owner", ".created"))
"""Labels: that it is ours, of which sandbox, of which process, and since when (seconds since 1970)."""
_YOUNG_S = 2 * LEASE_S


def labels(sandbox: str) -> dict[str, str]:
    """What a container of one sandbox of this process is marked with."""
    me = _me()
    return {OURS: "1", SANDBOX: sandbox, OWNER: me.mark if me else "", CREATED: str(int(time.time()))}


async def reap_containers() -> list[str]:
    """Remove what dead owners left on the engine; the names of the containers.

    Raises:
        BackendMissing: there is no engine.
        SandboxBroken: the engine refused.
    """
    engine = await connect()
    try:
        found = await list_containers(engine, OURS)
        gone = [item for item in found if _is_left(item)]
        for item in gone:
            await engine.remove(str(item["Id"]))
        return [str(item["Names"][0]).lstrip("/") for item in gone]
    finally:
        engine.close()


async def list_containers(engine: Engine, label: str) -> list[dict[str, Any]]:
    """Each container with a label, running or not.

    Raises:
        SandboxBroken: the engine refused.
    """

    def act(api: "APIClient") -> list[dict[str, Any]]:
        return list(api.containers(all=True, filters={"label": label}))

    return await engine.ask("list containers", act) or []


def _is_left(item: dict[str, Any]) -> bool:
    given = item["Labels"]
    created = given.get(CREATED, "")
    age_s = time.time() - int(created) if created.isdigit() else _YOUNG_S
    if item["State"] in ("running", "paused", "restarting"):
        return _is_certainly_dead(owner_in(given.get(OWNER, "")))
    return age_s > _YOUNG_S or _is_certainly_dead(owner_in(given.get(OWNER, "")))


def _is_certainly_dead(owner: Owner | None) -> bool:
    """An engine can serve several machines: only an owner of this boot can be looked for."""
    me = _me()
    return owner is not None and me is not None and owner.boot == me.boot and owner.is_dead


def _me() -> Owner | None:
    try:
        return this_process()
    except OSError:  # a system without /proc: an owner there can't be looked for
        return None
