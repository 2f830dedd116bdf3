"""Places: the file and line that a failure's text names, so far as the workspace has such a file."""

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

_MOST = 64 * 1024
"""Characters of a text that are looked at."""
_MOST_IN_ALL = 1 << 20
_MOST_PARTS = 24
_PLACES = (
    re.compile(r'File "(?P<path>[^"\n]{1,1000})", line (?P<line>\d{1,7})'),  # Python
    re.compile(
        r"(?<![\w@+.,~/\\-])(?P<path>[\w@+.,~/\\-]{1,500}\.\w{1,8}):(?P<line>\d{1,7})\b"
    ),  # most others
    re.compile(
        r"(?<![\w@+.,~/\\-])(?P<path>[\w@+.,~/\\-]{1,500}\.\w{1,8})\((?P<line>\d{1,7})[,)]"
    ),  # tsc, MSBuild
)


class Places:
    """Resolves names as programs print them (absolute, relative, bare) to paths of the workspace."""

    def __init__(self, paths: Collection[str]) -> None:
        self._paths = frozenset(paths)
        self._left = _MOST_IN_ALL
        self._by_name: dict[str, list[str]] = {}
        for path in self._paths:
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def may_look(self, text: str) -> bool:
        """Whether this text is looked at too: of a report with thousands of failures the first ones are."""
        self._left -= len(text)
        return self._left >= 0

    def resolve(self, printed: str, *, folder: str = "") -> str | None:
        """The workspace's path for a printed one: its longest end that is there, or the only file so called.

        Args:
            folder: where it is likelier than elsewhere; its last parts are enough.
        """
        named = printed.replace("\\", "/").removeprefix("file://")
        for most in (f"{folder}/{named}", named) if folder and "/" not in named else (named,):
            parts = [part for part in most.split("/") if part not in ("", ".")][-_MOST_PARTS:]
            for start in range(len(parts)):
                if (end := "/".join(parts[start:])) in self._paths and (
                    start < len(parts) - 1 or most == named
                ):
                    return end
        same = self._by_name.get(PurePosixPath(named).name, [])
        return same[0] if len(same) == 1 else None

    def all(self, text: str, *, folder: str = "") -> Iterator[tuple[str, int]]:
        """Every place that a text names, in the order in which it names them."""
        shown = text[:_MOST]
        found = sorted((match.start(), match) for pattern in _PLACES for match in pattern.finditer(shown))
        for _, match in found:
            path = self.resolve(match["path"], folder=folder)
            if path is not None:
                yield path, int(match["line"])

    def first(self, text: str, *, folder: str = "") -> tuple[str, int] | tuple[None, None]:
        """The first place that a text names, or two Nones."""
        return next(self.all(text, folder=folder), (None, None))

    def last(self, text: str, *, folder: str = "") -> tuple[str, int] | tuple[None, None]:
        """The last place that a text names: where a Python traceback ends; or two Nones."""
        found = list(self.all(text, folder=folder))
        return found[-1] if found else (None, None)
