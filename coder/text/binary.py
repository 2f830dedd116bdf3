"""Contents of files as text: bytes that aren't UTF-8 are lone surrogates in it, and come back the same."""

import re

_BYTES = re.compile("[\udc80-\udcff]")


def as_text(content: bytes) -> str:
    """A content as text."""
    return content.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """The content that was given as this text."""
    return text.encode("utf-8", "surrogateescape")


def is_binary(text: str) -> bool:
    """Whether the content isn't UTF-8."""
    return _BYTES.search(text) is not None


def shown(text: str) -> str:
    """A content for people: the text, or that there is none."""
    return f"(binary, {len(as_bytes(text)):,} bytes)" if is_binary(text) else text
