"""Find places on this machine for a control group, also in a systemd user scope.

There an ordinary user may create groups that count memory. A process can't move itself there, so the keeper
is started through `systemd-run` if that works.
"""

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
LEAF = "keeper"
"""The keeper's own group in the scope: a group with processes can't delegate controllers."""
_PATIENCE_S, _AGAIN_S = 2.0, 0.01
_works: dict[tuple[str, str], bool] = {}


@dataclass(frozen=True, slots=True)
class CgroupFolders:
    """Folders of the controllers; all the same in version 2."""

    version: int
    memory: str
    pids: str
    cpu: str = ""
    """Empty if processors aren't limited."""

    @property
    def folders(self) -> set[str]:
        """Each distinct folder."""
        return {self.memory, self.pids, self.cpu} - {""}

    def below(self, name: str) -> "CgroupFolders":
        """The place made of the subfolders of that name."""
        cpu = self.cpu and f"{self.cpu}/{name}"
        return CgroupFolders(self.version, f"{self.memory}/{name}", f"{self.pids}/{name}", cpu)


def find_places(
    *, cpu: bool, root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")
) -> list[CgroupFolders]:
    """List places to try, best first: below our own group; in version 2 also above it.

    `cpu` prefers places with the processor controller; `own` is the file that names our own group.
    """
    try:
        fields = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return []
    mine = {name: place.lstrip("/") for _, names, place in fields for name in names.split(",")}
    found = []
    if "memory" in mine and "pids" in mine:
        memory, pids, cpus = (str(root / name / mine.get(name, "")) for name in ("memory", "pids", "cpu"))
        found.append(CgroupFolders(1, memory, pids, cpus if "cpu" in mine else ""))
    if "" in mine:
        # A group with processes can't delegate controllers, so its parent and the root are tried too.
        for folder in dict.fromkeys((root / mine[""], (root / mine[""]).parent, root)):
            if folder.is_relative_to(root) and (folder / "cgroup.controllers").exists():
                found.append(CgroupFolders(2, *3 * (str(folder),)))
    uncounted = [replace(place, cpu="") for place in found]
    return [*(place for place in found if place.cpu), *uncounted] if cpu else uncounted


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


async def place_in_scope(keeper: int, *, root: Path = _ROOT) -> list[CgroupFolders]:
    """The keeper's scope, after it moved to its own group; empty if it doesn't."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                own = _group_of(keeper)
                if own.endswith(f".scope/{LEAF}"):
                    folder = str(root / own.lstrip("/").removesuffix(f"/{LEAF}"))
                    return [CgroupFolders(2, folder, folder, folder), CgroupFolders(2, folder, folder)]
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
