"""Parsed: whether files in other languages can still be read after an edit, asked of a confined process."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from itertools import takewhile
from typing import TYPE_CHECKING

from coder.edits.answer import Answered
from coder.edits.lines import split_lines
from coder.edits.syntax import fault_report
from coder.source.languages import GRAMMARS, language_of

if TYPE_CHECKING:
    from coder.context.confined_reader import Reader

MOST_READ = 250_000
"""Characters of a file; a larger one is left to whatever runs it."""
MOST_FILES = 40
"""Of one answer."""
_PATIENCE_S = 10.0
"""For all of them: a slow machine has no check rather than a slow one."""
_MOST_SAID = 80
"""Characters of words that come from a process which may have been taken over."""
_OWN_PARSER = ("python",)
"""Checked by what reads them, with or without a grammar."""


async def parsed(answered: Answered, before: Mapping[str, str | None]) -> Answered:
    """The answer, with a problem where it broke a file that could be read before.

    Without the extra `repo`, in an unknown language, or where there is any doubt, nothing is said.
    """
    languages: dict[str, str] = {}
    for path, text in answered.files.items():
        language, was = language_of(path), before.get(path)
        if language is None or language in _OWN_PARSER or not text or not was:
            continue
        if max(len(text), len(was)) <= MOST_READ and _is_installed(language):
            languages[path] = language
    if answered.problem is not None or not languages:
        return answered
    from coder.context.confined_reader import NoReader, ReaderDied, open_reader

    try:
        async with (
            asyncio.timeout(_PATIENCE_S),
            open_reader("parsing", sorted(set(languages.values()))) as reader,
        ):
            for path in list(languages)[:MOST_FILES]:
                said = await _fault(reader, languages[path], before[path] or "", answered.files[path] or "")
                if said is not None:
                    report = fault_report(path, answered.files[path] or "", said)
                    return replace(answered, problem=report)
    except (TimeoutError, NoReader, ReaderDied):
        return answered  # what can't be checked is left to whatever runs it
    return answered


def _is_installed(language: str) -> bool:
    return find_spec("tree_sitter") is not None and find_spec(GRAMMARS[language].module) is not None


async def _fault(reader: "Reader", language: str, was: str, text: str) -> tuple[int, str] | None:
    first, last = changed_lines(was, text)
    await reader.ask([language, was, text, first, last])
    match await reader.answer():
        case [int(line), str(words)] if len(words) <= _MOST_SAID and words.isascii() and words.isprintable():
            return min(max(line, 1), max(last, first)), words
        case _:
            return None


def changed_lines(was: str, text: str) -> tuple[int, int]:
    """First and last line of a text between which it differs from what it was."""
    before, after = split_lines(was), split_lines(text)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    most = min(len(before), len(after)) - same
    behind = takewhile(lambda pair: pair[0] == pair[1], zip(reversed(before), reversed(after), strict=False))
    return same + 1, len(after) - min(most, sum(1 for _ in behind))
