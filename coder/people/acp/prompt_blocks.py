"""The blocks of a message, as the text and the pictures that a chat takes. Pure."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from coder.base.errors import UsageError
from coder.config.image_files import MAX_BYTES, MAX_PDF_BYTES, MAX_PICTURES, picture_of
from coder.context.quoting import fenced
from coder.models.answer_parts import Image


def text_of(blocks: Sequence[Any], root: Path) -> str:
    """Return the text of a message. A linked file of the folder becomes a mention, an attached one is quoted.

    Raises UsageError if a block is neither text, nor a text file, nor a picture or PDF.
    """
    parts = []
    for block in blocks:
        match block.type:
            case "text":
                parts.append(block.text)
            case "image":
                pass  # see pictures_of
            case "resource" if _is_pdf(block):
                parts.append(_mention(block.resource.uri, root).removeprefix("@"))
            case "resource_link":
                parts.append(_mention(block.uri, root))
            case "resource" if hasattr(block.resource, "text"):
                parts.append(f"\n\n{_mention(block.resource.uri, root)}:\n{fenced(block.resource.text)}\n")
            case kind:
                raise UsageError(
                    f"A message may hold text, text files, pictures and PDFs, and this one holds: {kind}"
                )
    return " ".join(parts)


def pictures_of(blocks: Sequence[Any]) -> tuple[Image, ...]:
    """Return the pictures and PDFs of a message, with types by their content, not by the block.

    Raises UsageError if there are too many, or if one is too large or in no format that models read.
    """
    data = [(block.data, "") for block in blocks if block.type == "image"]
    data += [(block.resource.blob, Path(block.resource.uri).name) for block in blocks if _is_pdf(block)]
    if len(data) > MAX_PICTURES:
        raise UsageError(f"{len(data)} pictures are too many: at most {MAX_PICTURES} are shown.")
    return tuple(_picture(content, name) for content, name in data)


def _is_pdf(block: Any) -> bool:  # noqa: ANN401 - a block of the protocol
    resource = getattr(block, "resource", None)
    return hasattr(resource, "blob") and getattr(resource, "mime_type", None) == "application/pdf"


def _picture(data: str, name: str) -> Image:
    try:
        content = b64decode(data, validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        raise UsageError("The data of a picture isn't base64.") from None
    picture = picture_of(content, name or "document.pdf")
    limit = MAX_PDF_BYTES if picture is not None and picture.is_pdf else MAX_BYTES
    if len(content) > limit:
        raise UsageError(f"A picture may have {limit:,} bytes, and this one has {len(content):,}.")
    if picture is None:
        raise UsageError("A block is no picture that models see. They see PNG, JPEG, GIF, WebP and PDF.")
    return picture


def _mention(uri: str, root: Path) -> str:
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme == "file" and path.is_relative_to(root):
        name = path.relative_to(root).as_posix()
        return f"@{name}" if len(name.split()) == 1 else f"`{name}`"
    return uri
