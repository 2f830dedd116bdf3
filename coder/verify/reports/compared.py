"""Compared: the expected and the actual value, read out of a failed assertion's message."""

import re

_MOST = 4096
_VALUE = 500
_PATTERNS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        # pytest, unittest, Rust, vitest and chai, node: the actual value comes first
        r"^(?:E +)?assert (?P<actual>[^\n]+?) == (?P<expected>[^\n]+)$",
        r"^(?:E +)?AssertionError: (?P<actual>[^\n]+?) != (?P<expected>[^\n]+?)(?: : [^\n]*)?$",
        r"^[ \t]*left: (?P<actual>[^\n]+)\n[ \t]*right: (?P<expected>[^\n]+)$",
        r"\bexpected (?P<actual>[^\n]+?) to (?:deeply |strictly )?(?:be|equal) (?P<expected>[^\n]+?)"
        r"(?: // [^\n]*)?$",
        r"^[ \t]*actual: (?P<actual>[^\n]+?),?\n[ \t]*expected: (?P<expected>[^\n]+?),?$",
        # jest, testify, JUnit, what Go's tests say by habit
        r"^[ \t]*[Ee]xpected: (?P<expected>[^\n]+)\n(?:[ \t]*\n)?[ \t]*"
        r"(?:Received|[Aa]ctual *): (?P<actual>[^\n]+)$",
        r"expected:? ?<(?P<expected>[^\n>]*)> but was:? ?<(?P<actual>[^\n>]*)>",
        r"(?:\bgot| =) (?P<actual>[^\n=]+?)[,;] want(?:ed)? (?P<expected>[^\n]+)$",
    )
)


def compared(text: str) -> tuple[str | None, str | None]:
    """Expected and actual value as they were printed, or two Nones.

    Where a tool names neither, the first value is taken for the actual one, by convention; a test may turn
    that round.
    """
    shown = text[:_MOST]
    found = [match for pattern in _PATTERNS if (match := pattern.search(shown))]
    if not found:
        return None, None
    first = min(found, key=lambda match: match.start())
    return first["expected"].strip()[:_VALUE], first["actual"].strip()[:_VALUE]
