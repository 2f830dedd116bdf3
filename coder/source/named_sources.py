"""Find source files that a task names: existing files, and files to write."""

import re
from collections.abc import Iterable

from coder.base.text.paths_in_text import PrintedPaths
from coder.source.languages import language_of

_SHELL = (".sh", ".bash")
_PATH = r"[`'\"]?(?P<path>(?:\w[\w.-]*/)*\w[\w-]*(?:\.\w+)+)"
_FILLER = (
    r"(?:(?:it|this|that|all|the|a|an|new|small|simple|single|python|module|file|script|program|called|named"
    r"|as|in|into|to|me)\s+){0,6}"
)
_VERB = r"(?:write|create|make|implement|build|add|generate|save|put)"
_WRITE = re.compile(rf"\b{_VERB}\s+{_FILLER}{_PATH}", re.I)
_PLACE = re.compile(rf"\b(?:in|into|to|as|called|named)\s+{_FILLER}{_PATH}", re.I)
_NAME = re.compile(r"(?<![\w./-])[.-]*?((?:\w|\.{0,2}/)[\w./-]*\.\w+)")  # one match per word
_FENCED = re.compile(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)


def is_source(path: str) -> bool:
    """Whether a file holds code, by its suffix."""
    return language_of(path) is not None or path.endswith(_SHELL)


def named_sources(prompt: str, sources: Iterable[str]) -> list[str]:
    """Return the files that a prompt names by an unambiguous part of their path, in order of mention."""
    paths = PrintedPaths(sources)
    matches = (paths.find(name) for name in dict.fromkeys(_NAME.findall(prompt)))
    return list(dict.fromkeys(path for path in matches if path is not None))


def sources_to_write(prompt: str, *, anywhere: bool) -> list[str]:
    """Return the source files that a prompt asks for; with `anywhere`, also as in "a clock in a.py"."""
    prose = outside_fences(prompt)
    paths = [
        match["path"] for pattern in (_WRITE, _PLACE)[: 1 + anywhere] for match in pattern.finditer(prose)
    ]
    return [path for path in dict.fromkeys(paths) if is_source(path) and not path.startswith((".", "-"))]


def outside_fences(prompt: str) -> str:
    """Remove fenced blocks from a prompt: they usually quote code instead of requesting it."""
    return _FENCED.sub("", prompt)
