"""Read pictures of a task, whose type is determined by their content."""

import base64
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named
from coder.models.model import Image

MAX_BYTES = 5 << 20
"""Maximum bytes of one picture, as the strictest provider accepts."""
MAX_PICTURES = 20
_MEDIA_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def read_pictures(paths: tuple[Path, ...]) -> tuple[Image, ...]:
    """Read pictures. Raises UsageError: too many, one too large, or a type that models can't read."""
    if len(paths) > MAX_PICTURES:
        raise UsageError(f"{len(paths)} pictures are too many: at most {MAX_PICTURES} are shown.")
    return tuple(map(_read, paths))


def _read(path: Path) -> Image:
    if (picture := picture_of(read_named(path, limit=MAX_BYTES))) is None:
        raise UsageError(f"{path} is no picture that models see. They see PNG, JPEG, GIF and WebP.")
    return picture


def picture_of(content: bytes) -> Image | None:
    """Return the picture in these bytes; None if models can't read its type."""
    media_type = next(
        (media_type for start, media_type in _MEDIA_TYPES.items() if content.startswith(start)), None
    )
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        media_type = "image/webp"
    if media_type is None:
        return None
    return Image.model_validate(
        {"media_type": media_type, "base64": base64.b64encode(content).decode("ascii")}
    )
