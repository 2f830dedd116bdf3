"""Find places on this machine for a control group."""

from dataclasses import dataclass, replace
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Place:
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

    def below(self, name: str) -> "Place":
        """The place made of the subfolders of that name."""
        cpu = self.cpu and f"{self.cpu}/{name}"
        return Place(self.version, f"{self.memory}/{name}", f"{self.pids}/{name}", cpu)


def find_places(*, cpu: bool, root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")) -> list[Place]:
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
        found.append(Place(1, memory, pids, cpus if "cpu" in mine else ""))
    if "" in mine:
        # A group with processes can't delegate controllers, so its parent and the root are tried too.
        for folder in dict.fromkeys((root / mine[""], (root / mine[""]).parent, root)):
            if folder.is_relative_to(root) and (folder / "cgroup.controllers").exists():
                found.append(Place(2, *3 * (str(folder),)))
    uncounted = [replace(place, cpu="") for place in found]
    return [*(place for place in found if place.cpu), *uncounted] if cpu else uncounted
