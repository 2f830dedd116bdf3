"""Find the file of a workspace that a path in a program's output or in a text means."""

from collections.abc import Iterable
from pathlib import PurePosixPath

_MOST_PARTS = 24


class PrintedPaths:
    """Finds files of one workspace by absolute, relative or bare names."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.all = frozenset(paths)
        self._by_name: dict[str, list[str]] = {}
        for path in self.all:
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def find(self, printed: str, *, folder: str = "") -> str | None:
        """The file that is meant, a bare name first by the end of a folder; None where that isn't clear."""
        name = printed.replace("\\", "/").removeprefix("file://")
        parts = tuple(part for part in name.split("/") if part not in ("", "."))[-_MOST_PARTS:]
        if not parts:
            return None
        if folder and "/" not in name:
            there = self._whole((*(part for part in folder.split("/") if part), *parts), least=2)
            if there is not None:
                return there
        if "/".join(parts) in self.all and not name.startswith("/"):
            return "/".join(parts)
        if name.startswith("/") or name[1:3] == ":/":  # of the workspace, wherever that is mounted
            whole = self._whole(parts, least=1)
            if whole is not None:
                return whole
        path, shared = self._nearest(parts)
        # Two equal parts are no accident; the name alone may be a file of another program.
        is_clear = path is not None and (shared > 1 or len(parts) == 1 or "/" not in path)
        return path if is_clear else None

    def ending(self, name: str) -> str | None:
        """The one file whose path ends as the whole name does."""
        parts = PurePosixPath(name).parts
        path, shared = self._nearest(parts)
        return path if shared == len(parts) else None

    def _whole(self, parts: tuple[str, ...], *, least: int) -> str | None:
        """The file whose whole path is the longest end of these parts, of so many at least."""
        ends = ("/".join(parts[start:]) for start in range(len(parts) - least + 1))
        return next((end for end in ends if end in self.all), None)

    def _nearest(self, parts: tuple[str, ...]) -> tuple[str | None, int]:
        """The one file whose path shares the longest end with these parts, and how many of them."""
        nearest: list[str] = []
        most = 0
        for path in self._by_name.get(parts[-1], ()) if parts else ():
            shared = _shared_end(path.split("/"), parts)
            if shared > most:
                nearest, most = [path], shared
            elif shared == most:
                nearest.append(path)
        return (nearest[0], most) if len(nearest) == 1 else (None, 0)


def _shared_end(one: list[str], other: tuple[str, ...]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
