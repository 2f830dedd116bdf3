"""Find places for a control group on this machine, also in a systemd user scope.

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
_TIMEOUT_S, _RETRY_S = 2.0, 0.01
_scope_works: dict[tuple[str, str], bool] = {}


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
        """Return the place made of the subfolders of that name."""
        cpu = self.cpu and f"{self.cpu}/{name}"
        return CgroupFolders(self.version, f"{self.memory}/{name}", f"{self.pids}/{name}", cpu)


def find_places(
    *, cpu: bool, root: Path = _ROOT, own_groups: Path = Path("/proc/self/cgroup")
) -> list[CgroupFolders]:
    """List places to try, best first: below our own group; in version 2 also above it.

    `cpu` puts places with the processor controller first; `own_groups` is the file that names our own.
    """
    try:
        fields = [line.split(":", 2) for line in own_groups.read_text().splitlines()]
    except OSError:
        return []
    group_of = {name: place.lstrip("/") for _, names, place in fields for name in names.split(",")}
    places = []
    if "memory" in group_of and "pids" in group_of:
        memory, pids, cpus = (str(root / name / group_of.get(name, "")) for name in ("memory", "pids", "cpu"))
        places.append(CgroupFolders(1, memory, pids, cpus if "cpu" in group_of else ""))
    if "" in group_of:
        # A group with processes can't delegate controllers, so its parent and the root are tried too.
        for folder in dict.fromkeys((root / group_of[""], (root / group_of[""]).parent, root)):
            if folder.is_relative_to(root) and (folder / "cgroup.controllers").exists():
                places.append(CgroupFolders(2, *3 * (str(folder),)))
    without_cpu = [replace(place, cpu="") for place in places]
    return [*(place for place in places if place.cpu), *without_cpu] if cpu else without_cpu


async def find_scope(runtime: str | None = None, *, root: Path = _ROOT) -> tuple[list[str], dict[str, str]]:
    """Return the keeper's command prefix and environment; both empty if scopes don't work.

    `runtime` is the user's runtime folder; None reads XDG_RUNTIME_DIR.
    """
    runtime_folder = os.environ.get("XDG_RUNTIME_DIR", "") if runtime is None else runtime
    program = shutil.which("systemd-run")
    if program is None or not _has_user_manager(runtime_folder) or not _counts_memory(root):
        return [], {}
    command = [program, "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"]
    environment = {"XDG_RUNTIME_DIR": runtime_folder}
    if (program, runtime_folder) not in _scope_works:
        _scope_works[program, runtime_folder] = await asyncio.to_thread(
            _succeeds, [*command, "true"], environment
        )
    return (command, environment) if _scope_works[program, runtime_folder] else ([], {})


async def place_in_scope(keeper: int, *, root: Path = _ROOT) -> list[CgroupFolders]:
    """Wait until the keeper has moved to its own group; return its scope, empty if it doesn't move."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            while True:
                group = _read_group(keeper)
                if group.endswith(f".scope/{LEAF}"):
                    folder = str(root / group.lstrip("/").removesuffix(f"/{LEAF}"))
                    return [CgroupFolders(2, folder, folder, folder), CgroupFolders(2, folder, folder)]
                await asyncio.sleep(_RETRY_S)
    except (TimeoutError, OSError):
        return []


def _has_user_manager(runtime: str) -> bool:
    return os.path.exists(f"{runtime}/systemd/private")


def _read_group(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), "")


def _counts_memory(root: Path) -> bool:
    try:
        return "memory" in (root / "cgroup.controllers").read_text().split()
    except OSError:
        return False


def _succeeds(command: list[str], environment: dict[str, str]) -> bool:
    try:
        process = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return process.returncode == 0
