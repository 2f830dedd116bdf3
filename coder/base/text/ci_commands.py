"""Change lines that a CI system would read as commands in its log.

`::add-mask::` at the start of a line (GitHub Actions), `##vso[…]` (Azure Pipelines), `##teamcity[…]`. Their
manuals call them workflow commands, logging commands and service messages. To disable a command, a
zero-width space is put between its first two characters.
"""

import os
import re
import stat
from collections.abc import Mapping

_COMMAND = re.compile(rb"((?:^|\r)\s*):(?=:)|#(?=#(?:\[|vso\[|teamcity\[))", re.MULTILINE)
_UNFINISHED = re.compile(rb"(?:(?:\A|(?<=[\r\n]))\s*:?|##?(?:vs?o?|te?a?m?c?i?t?y?)?)\Z")
_MAX_HELD = 256
"""Hold back at most this many bytes of a possible command."""
_BREAK = "\u200b".encode()
_CI_VARIABLES = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")


def break_commands(text: str) -> str:
    """Return the text with each command made harmless."""
    return _broken(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def is_log(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Whether a CI system may read this output: a pipe or socket, while a CI variable is set."""
    mode = os.fstat(descriptor).st_mode
    return any(map(environ.get, _CI_VARIABLES)) and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


class CommandBreaker:
    """Makes commands in a stream harmless; a chunk's end that may begin a command is held back."""

    def __init__(self) -> None:
        self._held = b""
        self._begun = b""
        """Placeholder for the returned text of the current line; empty at the start of a line."""

    def strip(self, chunk: bytes, *, last: bool = False) -> bytes:
        """Return the output so far with its commands disabled; hold back what may begin a command.

        Args:
            last: no chunk follows, so nothing is held back.
        """
        content = self._begun + self._held + chunk
        unfinished = None if last else _UNFINISHED.search(content, max(0, len(content) - _MAX_HELD))
        cut = max(unfinished.start(), len(self._begun)) if unfinished else len(content)
        self._held = content[cut:]
        body = _broken(content[:cut])[len(self._begun) :]
        if cut > len(self._begun):
            self._begun = b"" if content[cut - 1 : cut] in (b"\r", b"\n") else b"."
        return body


def _broken(content: bytes) -> bytes:
    return _COMMAND.sub(lambda match: match[0] + _BREAK, content)
