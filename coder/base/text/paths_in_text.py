"""Find the workspace file that a path in a text, such as a program's output, refers to."""

from collections.abc import Iterable
from pathlib import PurePosixPath

_MAX_PARTS = 24


class PrintedPaths:
    """Finds files of one workspace by absolute, relative or bare names."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.all = frozenset(paths)
        self._by_name: dict[str, list[str]] = {}
        for path in self.all:
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def find(self, printed: str, *, folder: str = "") -> str | None:
        """Return the file that a printed path refers to, searching `folder` first; None if ambiguous."""
        name = printed.replace("\\", "/").removeprefix("file://")
        parts = tuple(part for part in name.split("/") if part not in ("", "."))[-_MAX_PARTS:]
        if not parts:
            return None
        if folder and "/" not in name:
            in_folder = self._whole((*(part for part in folder.split("/") if part), *parts), least=2)
            if in_folder is not None:
                return in_folder
        if "/".join(parts) in self.all and not name.startswith("/"):
            return "/".join(parts)
        if name.startswith("/") or name[1:3] == ":/":  # in the workspace, wherever that is mounted
            whole_match = self._whole(parts, least=1)
            if whole_match is not None:
                return whole_match
        path, shared_length = self._nearest(parts)
        # Two equal parts are no accident; a file of another program may have the same name.
        is_clear = path is not None and (shared_length > 1 or len(parts) == 1 or "/" not in path)
        return path if is_clear else None

    def ending(self, name: str) -> str | None:
        """Return the only file whose path ends with the whole name."""
        parts = PurePosixPath(name).parts
        path, shared_length = self._nearest(parts)
        return path if shared_length == len(parts) else None

    def _whole(self, parts: tuple[str, ...], *, least: int) -> str | None:
        """Return the file whose whole path is the longest end of these parts, with at least `least` parts."""
        tails = ("/".join(parts[start:]) for start in range(len(parts) - least + 1))
        return next((tail for tail in tails if tail in self.all), None)

    def _nearest(self, parts: tuple[str, ...]) -> tuple[str | None, int]:
        """Return the only file whose path shares the longest end with these parts, and the shared length."""
        candidates: list[str] = []
        longest = 0
        for path in self._by_name.get(parts[-1], ()) if parts else ():
            shared_length = _shared_end(path.split("/"), parts)
            if shared_length > longest:
                candidates, longest = [path], shared_length
            elif shared_length == longest:
                candidates.append(path)
        return (candidates[0], longest) if len(candidates) == 1 else (None, 0)


def _shared_end(path: list[str], other: tuple[str, ...]) -> int:
    count = 0
    for part, other_part in zip(reversed(path), reversed(other), strict=False):
        if part != other_part:
            break
        count += 1
    return count
