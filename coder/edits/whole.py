"""Whole: why a whole file of an answer can't be all of that file, so far as its text tells."""

import re
from collections.abc import Sequence

from coder.edits.code_blocks import Block

_COMMENT = r"^\s*(?:#|//|/\*|<!--|--|;)"
_ELIDED = re.compile(
    rf"(?:{_COMMENT}|^)\s*(?:\.\.\.|…).*\b(?:rest|remain\w*|existing|unchanged|previous|same|omitted)\b"
    rf"|{_COMMENT}\s*(?:the\s+)?(?:rest of|remaining|existing) .*\b(?:code|file|unchanged|same)\b",
    re.IGNORECASE,
)
_MOST_OF_A_LINE = 400
"""Characters of a line that are looked at."""
LEFT_OUT = (
    "`{path}`: the new line `{line}` stands for code that it doesn't hold. Write that code, or leave it out "
    "of the old lines too."
)
_MARKER = (
    "`{path}` was not written: the line `{line}` begins an edit, in no form that is understood here. Answer "
    "with `<<<<<<< SEARCH`, the old lines, `=======`, the new lines and `>>>>>>> REPLACE`, or with the whole "
    "file."
)
_CUT = (
    "`{path}` was not written: your answer ends in the middle of it, before its block is closed. "
    "Answer with edits, or with the whole file again."
)
_ELISION = (
    "`{path}` was not written: the line `{line}` stands for code that your answer leaves out. "
    "Answer with the whole file, or with edits."
)


def stands_for_others(line: str) -> bool:
    """Whether a line says that code is left out in its place, such as `# ... existing code ...`."""
    return _ELIDED.match(line[:_MOST_OF_A_LINE]) is not None


class Whole:
    """The blocks of one answer that are no edits, read for signs of what they leave out."""

    def __init__(self, blocks: Sequence[Block], *, default: str, is_cut: bool) -> None:
        """Read the blocks; `is_cut` says that the answer goes on, but isn't read any further."""
        lines = [line for block in blocks for line in block.text.split("\n")]
        self._elided = [line for line in lines if stands_for_others(line)]
        self._marker = next((line for block in blocks if (line := _marker(block.text))), None)
        is_open = bool(blocks) and not blocks[-1].is_closed
        self._open = (blocks[-1].name or default) if is_open else None
        self._is_cut = is_cut

    def refusal(self, path: str, code: str, before: str | None) -> str | None:
        """Why a file isn't to be written so; None where it may. `before` is None where it isn't there."""
        if self._marker is not None and self._marker not in (before or ""):
            return _MARKER.format(path=path, line=self._marker.strip())
        if before is not None and self._elided:
            had = set(before.split("\n"))
            line = next((line for line in self._elided if line not in had), None)
            if line is not None:
                return _ELISION.format(path=path, line=line.strip())
        is_shorter = before is not None and len(code) < len(before)
        if path == self._open and (is_shorter or self._is_cut):
            return _CUT.format(path=path)
        return None


def _marker(code: str) -> str | None:
    """A line that begins an edit, or a conflict of git's: in no form that is understood."""
    lines = code.split("\n")
    begins = [line for line in lines if line.startswith(("<<<<<<<", "&lt;" * 5, "------- "))]
    ends = any(line.startswith((">>>>>>>", "&gt;" * 5, "+++++++ ")) for line in lines)
    return begins[0] if begins and ends else None
