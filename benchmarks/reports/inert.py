"""Escape untrusted text of models and programs for each report format."""

import re

from coder.base.text.ci_commands import break_commands
from coder.base.text.sanitize import one_line, printable

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIGNS = re.compile(r"[^\w .,\-]", re.ASCII)


def line(text: str, *, width: int = 160) -> str:
    """Return one line for a terminal or a CI log, without escape sequences and workflow commands."""
    clean_text = " ".join(printable(text).expandtabs(1).splitlines()).rstrip()
    return break_commands(clean_text if len(clean_text) <= width else f"{clean_text[: width - 1]}…")


def xml_text(text: str) -> str:
    """Return the text without characters that XML 1.0 forbids; the caller must escape markup."""
    return _NOT_IN_XML.sub("\ufffd", printable(text))


def markdown_text(text: str, *, width: int = 160) -> str:
    """Return one line that Markdown and HTML show literally: markup characters become entities."""
    clean_text = one_line(text, width=width)
    return _SIGNS.sub(lambda match: f"&#{ord(match[0])};" if ord(match[0]) < 128 else match[0], clean_text)
