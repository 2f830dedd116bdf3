"""Places: the file and line that a failure's text names, so far as the workspace has such a file."""

import re
from collections.abc import Iterable, Iterator

from coder.text.paths_in_text import PrintedPaths

_MOST = 64 * 1024
"""Characters of a text that are looked at."""
_MOST_IN_ALL = 1 << 20
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
    """Finds the places that programs print, for the files of one workspace."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = PrintedPaths(paths)
        self._left = _MOST_IN_ALL

    def may_look(self, text: str) -> bool:
        """Whether this text is looked at too: of a report with thousands of failures the first ones are."""
        self._left -= len(text)
        return self._left >= 0

    def resolve(self, printed: str) -> str | None:
        """The workspace's path for a printed one; None where it isn't clear which that is."""
        return self._paths.find(printed)

    def all(self, text: str, *, folder: str = "") -> Iterator[tuple[str, int]]:
        """Every place that a text names, in the order in which it names them.

        Args:
            folder: where a bare name is likelier to be than elsewhere; its last parts are enough.
        """
        shown = text[:_MOST]
        found = sorted((match.start(), match) for pattern in _PLACES for match in pattern.finditer(shown))
        for _, match in found:
            path = self._paths.find(match["path"], folder=folder)
            if path is not None:
                yield path, int(match["line"])

    def first(self, text: str, *, folder: str = "") -> tuple[str, int] | tuple[None, None]:
        """The first place that a text names, or two Nones."""
        return next(self.all(text, folder=folder), (None, None))

    def last(self, text: str, *, folder: str = "") -> tuple[str, int] | tuple[None, None]:
        """The last place that a text names: where a Python traceback ends; or two Nones."""
        found = list(self.all(text, folder=folder))
        return found[-1] if found else (None, None)
