"""Break lines that a CI system would take for commands in its log.

`::add-mask::` at the start of a line (GitHub Actions), `##vso[…]` (Azure Pipelines), `##teamcity[…]`. Their
manuals call them workflow commands, logging commands and service messages. A zero-width space parts the first
two signs.
"""

import os
import re
import stat
from collections.abc import Mapping

_COMMAND = re.compile(rb"((?:^|\r)\s*):(?=:)|#(?=#(?:\[|vso\[|teamcity\[))", re.MULTILINE)
_UNFINISHED = re.compile(rb"(?:(?:\A|(?<=[\r\n]))\s*:?|##?(?:vs?o?|te?a?m?c?i?t?y?)?)\Z")
_LONGEST = 256
"""Bytes that are waited for at most: longer blanks before a sign are passed on."""
_BREAK = "\u200b".encode()
_SYSTEMS = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


def no_commands(text: str) -> str:
    """Text in which no line is a command."""
    return _broken(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def is_log(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Whether a CI system may read this output; a file or a terminal is no CI log."""
    kind = os.fstat(descriptor).st_mode
    return any(map(environ.get, _SYSTEMS)) and (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind))


class CommandBreaker:
    """Takes one stream piece by piece; a command that is cut between two pieces is waited for."""

    def __init__(self) -> None:
        self._held = b""
        self._begun = b""
        """What stands on the line before what is held; a sign there is no start of a line."""

    def strip(self, chunk: bytes, *, last: bool = False) -> bytes:
        """What of the stream so far may be passed on and hasn't been."""
        content = self._begun + self._held + chunk
        unfinished = None if last else _UNFINISHED.search(content, max(0, len(content) - _LONGEST))
        cut = max(unfinished.start(), len(self._begun)) if unfinished else len(content)
        self._held = content[cut:]
        body = _broken(content[:cut])[len(self._begun) :]
        if cut > len(self._begun):
            self._begun = b"" if content[cut - 1 : cut] in (b"\r", b"\n") else b"."
        return body


def _broken(content: bytes) -> bytes:
    return _COMMAND.sub(lambda match: match[0] + _BREAK, content)
