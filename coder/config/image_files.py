"""Read pictures and PDFs of a task; their content determines their type."""

import base64
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named
from coder.models.answer_parts import Image

MAX_BYTES = 5 << 20
"""Maximum bytes of one picture, as the strictest provider accepts."""
MAX_PDF_BYTES = 20 << 20
"""Maximum bytes of one PDF; providers accept 32 MB of a whole request."""
MAX_PICTURES = 20
_MEDIA_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}


def read_pictures(paths: tuple[Path, ...]) -> tuple[Image, ...]:
    """Read pictures and PDFs.

    Raises UsageError if there are too many, one is too large, or models can't read its type.
    """
    if len(paths) > MAX_PICTURES:
        raise UsageError(f"{len(paths)} pictures are too many: at most {MAX_PICTURES} are shown.")
    return tuple(map(_read, paths))


def _read(path: Path) -> Image:
    content = read_named(path, limit=MAX_PDF_BYTES)
    picture = picture_of(content, path.name)
    if len(content) > MAX_BYTES and not (picture and picture.is_pdf):
        raise UsageError(f"{path} is larger than {MAX_BYTES >> 20} MiB.")
    if picture is None:
        raise UsageError(f"{path} is no picture that models see. They see PNG, JPEG, GIF, WebP and PDF.")
    return picture


def picture_of(content: bytes, name: str = "document.pdf") -> Image | None:
    """Return these bytes as a picture or PDF; None if models can't read its type.

    Args:
        name: the file's name, for a PDF.
    """
    media_type = next(
        (media_type for start, media_type in _MEDIA_TYPES.items() if content.startswith(start)), None
    )
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        media_type = "image/webp"
    if media_type is None:
        return None
    return Image.model_validate(
        {"media_type": media_type, "base64": base64.b64encode(content).decode("ascii")}
        | ({"name": name} if media_type == "application/pdf" else {})
    )
