"""Find the files that code under test doesn't get while its tests run apart from it: it could read there
what is expected.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from sandbox import TestFile


def withheld_files(files: Mapping[str, bytes], checks: Sequence[TestFile]) -> dict[str, bytes]:
    """Return empty contents for the files that hold a check's source, and that no check names.

    They stay in their places, since code may list a folder. A check may name a file to have it read, or a
    module to import it.
    """
    sources = {check.path: check.source for check in checks}
    bodies = [source.strip().encode() for source in sources.values() if source.strip()]
    holding = {path for path, content in files.items() if any(body in content for body in bodies)}
    return {
        path: b""
        for path in holding | (sources.keys() & files.keys())
        if not any(_names(source, path, own=own == path) for own, source in sources.items())
    }


def _names(source: str, path: str, *, own: bool) -> bool:
    """Return whether a check's source names a file, or, if it isn't its own, the file's module."""
    name = PurePosixPath(path).name
    stem = name.removesuffix(".py")
    return name in source or (not own and re.search(rf"\b{re.escape(stem)}\b", source) is not None)
