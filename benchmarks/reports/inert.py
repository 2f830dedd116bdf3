"""Escape untrusted text of models and programs for each report format."""

import re

from coder.base.text.ci_commands import break_commands
from coder.base.text.sanitize import one_line, printable

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIGNS = re.compile(r"[^\w .,\-]", re.ASCII)


def line(text: str, *, width: int = 160) -> str:
    """One line for a terminal or a CI system's log: no escape sequences, no workflow commands."""
    plain = " ".join(printable(text).expandtabs(1).splitlines()).rstrip()
    return break_commands(plain if len(plain) <= width else f"{plain[: width - 1]}…")


def xml_text(text: str) -> str:
    """Text without characters that XML 1.0 forbids; markup in it must still be escaped."""
    return _NOT_IN_XML.sub("\ufffd", printable(text))


def markdown_text(text: str, *, width: int = 160) -> str:
    """One line that Markdown and HTML show literally: every significant character becomes an entity."""
    plain = one_line(text, width=width)
    return _SIGNS.sub(lambda match: f"&#{ord(match[0])};" if ord(match[0]) < 128 else match[0], plain)
