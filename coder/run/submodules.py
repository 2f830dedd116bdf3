"""The submodules of a repository, by its `.gitmodules` (gitmodules(5)): folders of other repositories."""

import re
from collections.abc import Mapping

from coder.run.stored_file import StoredFile

_FILE = ".gitmodules"
_PATH = re.compile(r'^[ \t]*path[ \t]*=[ \t]*("?)([^"\n]*?)\1[ \t]*\r?$', re.MULTILINE)


def submodules(files: Mapping[str, StoredFile]) -> tuple[str, ...]:
    """Return the folders of submodules that hold some of these files, in order."""
    manifest = files.get(_FILE)
    paths = [match[2].strip("/") for match in _PATH.finditer((manifest.text if manifest else None) or "")]
    return tuple(path for path in dict.fromkeys(paths) if any(name.startswith(f"{path}/") for name in files))
