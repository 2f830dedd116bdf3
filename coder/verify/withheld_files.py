"""Find files to withhold from code under test while its tests run apart from it, as the code could read the
expected values there.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from sandbox import TestFile


def withheld_files(files: Mapping[str, bytes], checks: Sequence[TestFile]) -> dict[str, bytes]:
    """Return empty contents, by path, for the files that contain a check's source and that no check names.

    The files aren't removed, since code may list a folder. A check may name a file for the code to read, or a
    module to import.
    """
    sources = {check.path: check.source for check in checks}
    bodies = [source.strip().encode() for source in sources.values() if source.strip()]
    paths_with_source = {path for path, content in files.items() if any(body in content for body in bodies)}
    return {
        path: b""
        for path in paths_with_source | (sources.keys() & files.keys())
        if not any(_names(source, path, own=own == path) for own, source in sources.items())
    }


def _names(source: str, path: str, *, own: bool) -> bool:
    """Return whether a check's source names a file, or its module unless it is the check's own file."""
    name = PurePosixPath(path).name
    stem = name.removesuffix(".py")
    return name in source or (not own and re.search(rf"\b{re.escape(stem)}\b", source) is not None)
