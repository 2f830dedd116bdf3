"""Start the keeper in a systemd user scope, where an ordinary user may create groups that count memory.

A process can't move itself there, so the keeper is started through `systemd-run` if that works.
"""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

from sandbox.supervisor.cgroup_places import Place

LEAF = "keeper"
"""The keeper's own group in the scope: a group with processes can't delegate controllers."""
_ROOT = Path("/sys/fs/cgroup")
_PATIENCE_S, _AGAIN_S = 2.0, 0.01
_works: dict[tuple[str, str], bool] = {}


async def find_scope(runtime: str | None = None, *, root: Path = _ROOT) -> tuple[list[str], dict[str, str]]:
    """The keeper's command prefix and environment; both empty if scopes don't work.

    `runtime` is the user's runtime folder; None reads XDG_RUNTIME_DIR.
    """
    place = os.environ.get("XDG_RUNTIME_DIR", "") if runtime is None else runtime
    program = shutil.which("systemd-run")
    if program is None or not _is_there(place) or not _counts_memory(root):
        return [], {}
    command = [program, "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"]
    environment = {"XDG_RUNTIME_DIR": place}
    if (program, place) not in _works:
        _works[program, place] = await asyncio.to_thread(_try, [*command, "true"], environment)
    return (command, environment) if _works[program, place] else ([], {})


async def place_in_scope(keeper: int, *, root: Path = _ROOT) -> list[Place]:
    """The keeper's scope, after it moved to its own group; empty if it doesn't."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                own = _group_of(keeper)
                if own.endswith(f".scope/{LEAF}"):
                    folder = str(root / own.lstrip("/").removesuffix(f"/{LEAF}"))
                    return [Place(2, folder, folder, folder), Place(2, folder, folder)]
                await asyncio.sleep(_AGAIN_S)
    except (TimeoutError, OSError):
        return []


def _is_there(runtime: str) -> bool:
    return os.path.exists(f"{runtime}/systemd/private")


def _group_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), "")


def _counts_memory(root: Path) -> bool:
    try:
        return "memory" in (root / "cgroup.controllers").read_text().split()
    except OSError:
        return False


def _try(command: list[str], environment: dict[str, str]) -> bool:
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
