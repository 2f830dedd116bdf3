"""A tree of files out of a tar archive: parsed in memory, never extracted."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmarks.errors import BadSuite
from benchmarks.suites.records import document

MAX_FILES = 50_000
MAX_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """The regular files of a base tree by relative path, and which of them have the x bit."""

    files: dict[str, bytes]
    executable: tuple[str, ...]


def unpacked(path: Path) -> Tree:
    """Read a tar archive (`.tar` or `.tar.gz`). Links and devices are left out.

    Raises:
        BadSuite: it is damaged, has a path that leads out of the tree, or is too large.
    """
    packed = io.BytesIO(document(path, BadSuite))
    files: dict[str, bytes] = {}
    executable: list[str] = []
    left = MAX_BYTES
    try:
        with tarfile.open(fileobj=packed) as archive:
            for member in archive:
                if not member.isreg():
                    continue
                left -= member.size
                if left < 0 or len(files) >= MAX_FILES:
                    raise BadSuite(f"{path} holds more than {MAX_FILES:,} files or {MAX_BYTES >> 20} MiB.")
                name = relative(member.name, path)
                content = archive.extractfile(member)
                files[name] = content.read() if content else b""
                if member.mode & 0o100:
                    executable.append(name)
    except (tarfile.TarError, EOFError, OSError) as cause:
        raise BadSuite(f"{path} is no tar archive, or a damaged one: {cause}.") from cause
    if not files:
        raise BadSuite(f"{path} holds no files.")
    return Tree(files, tuple(executable))


def relative(name: str, where: object) -> str:
    """A path inside of a tree, as it is written in cases.

    Raises:
        BadSuite: it is absolute, or leads out of the tree.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise BadSuite(f"{where}: the path {name!r} leads out of the tree.")
    return "/".join(parts)
