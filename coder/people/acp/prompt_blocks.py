"""The blocks of a message, as the text that a chat takes. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from coder.base.errors import UsageError
from coder.context.quoting import fenced


def text_of(blocks: Sequence[Any], root: Path) -> str:
    """Return the text of a message. A linked file of the folder becomes a mention, an attached one is quoted.

    Raises UsageError: a block is neither text nor a text file.
    """
    parts = []
    for block in blocks:
        match block.type:
            case "text":
                parts.append(block.text)
            case "resource_link":
                parts.append(_mention(block.uri, root))
            case "resource" if hasattr(block.resource, "text"):
                parts.append(f"\n\n{_mention(block.resource.uri, root)}:\n{fenced(block.resource.text)}\n")
            case kind:
                raise UsageError(f"A message may hold text and text files, and this one holds: {kind}")
    return " ".join(parts)


def _mention(uri: str, root: Path) -> str:
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme == "file" and path.is_relative_to(root):
        name = path.relative_to(root).as_posix()
        return f"@{name}" if len(name.split()) == 1 else f"`{name}`"
    return uri
