"""Files to lay into a workspace, and the bounds of a fresh run's artifacts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.files.resolve_beneath import parts_of

MAX_ARTIFACTS = 1024
MAX_BYTES = 64 << 20
"""Most bytes of one run's artifacts together."""
MAX_DEPTH = 32
"""Most folders above an artifact."""
PROGRAMS = (b"#!", b"\x7fELF")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """State required of one path."""

    content: bytes
    sha256: str
    executable: bool


def known_files(files: Mapping[str, bytes]) -> dict[str, KnownFile]:
    """Files by plain path, with what identifies them if already present."""
    return {
        "/".join(parts_of(path)): KnownFile(
            content, hashlib.sha256(content).hexdigest(), content.startswith(PROGRAMS)
        )
        for path, content in files.items()
    }
