"""Files that a workspace is to hold, and the bounds of those that a fresh run hands out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.files.resolve_beneath import parts_of

MAX_ARTIFACTS = 1024
MAX_BYTES = 64 << 20
"""Of all artifacts of one run together."""
MAX_DEPTH = 32
"""Folders above an artifact."""
PROGRAMS = (b"#!", b"\x7fELF")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What a workspace is to hold under one path."""

    content: bytes
    sha256: str
    executable: bool


def known_files(files: Mapping[str, bytes]) -> dict[str, KnownFile]:
    """Files by plain path, with what tells whether they are there already."""
    return {
        "/".join(parts_of(path)): KnownFile(
            content, hashlib.sha256(content).hexdigest(), content.startswith(PROGRAMS)
        )
        for path, content in files.items()
    }
