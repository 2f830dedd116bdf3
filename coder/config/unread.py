"""Files that the user's rules deny to read: `Read(GLOB)`, in the run's folder and others that it is given."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from coder.config.file_rules import ALL_FILES, Ends, FileMatcher, folded, place_pattern
from coder.config.permission_rules import restricting
from coder.run.extensions import Rules


def unread_globs(rules: Rules | None) -> tuple[str, ...]:
    """Return the globs of files that the rules forbid to read: `Read(GLOB)`; `**` for all files."""
    denied = map(restricting, rules.deny if rules is not None else ())
    return tuple(dict.fromkeys(rule.specifier or ALL_FILES for rule in denied if rule.tool == "Read"))


class Unread:
    """Files that the user's rules deny to read, by the globs of `unread_globs`."""

    def __init__(self, globs: Sequence[str], root: Path, others: Sequence[Path] = ()) -> None:
        """Take globs, the run's folder, and further folders whose files a run is given."""
        self._matchers = [(glob, place_pattern(glob, root, folds=True, others=others)) for glob in globs]
        self._ends = Ends(root, folds=True)

    def by(self, path: str, *, is_folder: bool = False) -> str | None:
        """Return the first glob that covers a path, absolute or relative to the root; None if none does."""
        return _covering(self._matchers, self._ends.of(path), is_folder=is_folder) if self._matchers else None

    def named_in(self, folder: Path) -> str | None:
        """Return the first glob of `//` or `~/` that names a place in a folder, whether or not it exists."""
        named = ((glob, files) for glob, files in self._matchers if glob.startswith(("//", "~")))
        return next((glob for glob, files in named if files.starts_in(os.path.realpath(folder))), None)

    def below(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield the files and folders in a folder that are covered, by absolute paths, each with its glob.

        Links in it aren't followed; of a covered folder no more is yielded.
        """
        top = os.path.realpath(folder)
        matchers = [(glob, within) for glob, files in self._matchers if (within := files.within(top))]
        if not matchers:
            return
        if (glob := self.by(top, is_folder=True)) is not None:
            yield top, glob
            return
        for base, folders, names in os.walk(top):
            kept = []
            for name, is_folder in (*((name, True) for name in folders), *((name, False) for name in names)):
                path = f"{base}/{name}"
                glob = _covering(matchers, ((folded(path), path),), is_folder=is_folder)
                if glob is not None:
                    yield path, glob
                elif is_folder:
                    kept.append(name)
            folders[:] = kept


def _covering(
    matchers: Sequence[tuple[str, FileMatcher]], ends: Sequence[tuple[str, str]], *, is_folder: bool
) -> str | None:
    return next((glob for glob, files in matchers if files.covers(ends, is_folder=is_folder)), None)
