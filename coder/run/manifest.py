"""A listing: what the log keeps of a large folder's files, whose contents stay where they are.

One text for all of them, so that the log stores the same folder once, however many runs begin there.
"""

from collections.abc import Mapping

from coder.fs.file_hashes import SnapshotFile
from coder.run.event_types import StoredFile

_END = "\0"
"""Of an entry: no path holds it."""
_LINK = "//"
"""Between a link and the file that it leads to: no path of a listing holds it."""


def listing(files: Mapping[str, SnapshotFile]) -> str:
    """`MODE SHA256 PATH` of each file, by path, a link's with `//TARGET`; the mode in octal."""
    return "".join(
        f"{file.mode:o} {file.sha256} {path}{_LINK + file.link if file.link else ''}{_END}"
        for path, file in sorted(files.items())
    )


def listed(text: str) -> dict[str, StoredFile]:
    """The files of a listing, by path, without their contents."""
    files = {}
    for entry in text.split(_END)[:-1]:
        mode, sha256, path = entry.split(" ", 2)
        path, _, link = path.partition(_LINK)
        files[path] = StoredFile.model_construct(
            text=None, base64=None, mode=int(mode, 8), sha256=sha256, link=link or None
        )
    return files
