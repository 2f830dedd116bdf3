"""Read pictures of a task, whose type is determined by their content."""

import base64
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named
from coder.models.model import Image

LARGEST = 5 << 20
"""Bytes of one picture; the least that a provider of today takes."""
MOST = 20
_KINDS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def read_pictures(paths: tuple[Path, ...]) -> tuple[Image, ...]:
    """Read pictures. Raises UsageError: too many, one too large, or a type that models can't read."""
    if len(paths) > MOST:
        raise UsageError(f"{len(paths)} pictures are too many: at most {MOST} are shown.")
    return tuple(map(_read, paths))


def _read(path: Path) -> Image:
    if (picture := picture_of(read_named(path, limit=LARGEST))) is None:
        raise UsageError(f"{path} is no picture that models see. They see PNG, JPEG, GIF and WebP.")
    return picture


def picture_of(content: bytes) -> Image | None:
    """The picture; None if models can't read its type."""
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None:
        return None
    return Image.model_validate({"media_type": kind, "base64": base64.b64encode(content).decode("ascii")})
