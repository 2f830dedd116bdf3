"""Whether the first words of a command line are a command, a test, a file or a sentence.

Without the finding of tests, so that `coder --help` is quick.
"""

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath

from coder.config.project_tests.command_lines import runner_command

_TEST_ID = re.compile(r"([^\s:]+\.(?:py|go|[cm]?[jt]sx?))(::\S+)?")
"""A test file of a language whose runner takes files, or a test in it."""
_ARGUMENT = re.compile(r"[-./=_:*\d]")
"""Character of an argument that a sentence's words don't have."""
_MIN_SENTENCE = 3
_WORDS_OF_SENTENCES = {
    "a", "an", "the", "it", "its", "this", "is", "are", "was", "isn't", "doesn't", "don't", "not", "should",
    "must", "and", "but", "when", "if", "why", "how", "what", "that", "which", "because", "since", "after",
    "before", "for", "in", "on", "of", "to", "with", "without", "from", "at", "as", "fail", "fails",
    "failing", "failed", "broken", "breaks", "wrong", "crash", "crashes", "raise", "raises",
    "return", "returns", "hang", "hangs", "work", "works", "give", "gives", "pass", "passes", "handle",
    "handles",
}  # fmt: skip
"""Words that no command takes as an argument, as a rule."""


def is_source(word: str, folder: Path | None) -> bool:
    """Whether a word names a file that isn't a program."""
    path = (folder or Path()) / word
    return path.is_file() and not os.access(path, os.X_OK)


def has_command(words: Sequence[str]) -> bool:
    """Whether a command begins in these words, whose options are its own."""
    words = [*words]
    if words and Path(words[0]).is_dir():
        del words[:1]
    is_file = bool(words) and (is_test_id(words[0]) or is_source(words[0], None))
    return bool(words) and not is_file and starts_command(words)


def is_test_id(word: str, folder: Path | None = None) -> bool:
    """Whether a word names a test file that exists, or a test in it."""
    match = _TEST_ID.fullmatch(word)
    if match is None:
        return False
    path = (folder or Path()) / match[1]
    return path.is_file() and (match[2] is not None or is_test_file(PurePosixPath(match[1])))


def is_test_file(path: PurePosixPath) -> bool:
    """Whether a path is a test file by the conventions of Python, Node or Go."""
    return re.search(r"^tests?[_.-]|[_.-](?:test|tests|spec)\.\w+$|^tests?\.\w+$", path.name) is not None


def starts_command(words: Sequence[str]) -> bool:
    """Whether these words are a command, and not a sentence."""
    try:
        parts = shlex.split(words[0]) if len(words) == 1 else [*words]
    except ValueError:  # as of an apostrophe
        return False
    while parts and re.fullmatch(r"[A-Za-z_]\w*=.*", parts[0]):
        parts = parts[1:]
    if parts and (parts[0].startswith("-") or _is_sentence(parts)):
        return False
    if not parts or runner_command(parts) is not None:
        return bool(parts)
    if shutil.which(parts[0]) is None and not ("/" in parts[0] and Path(parts[0]).is_file()):
        return len(parts) == 1 and len(words) == 1 and not parts[0].isalpha()
    return len(parts) < _MIN_SENTENCE or any(_ARGUMENT.search(part) for part in parts[1:]) or "/" in parts[0]


def _is_sentence(parts: Sequence[str]) -> bool:
    """Whether one of these words is said in a sentence, and is no file and no option's value."""
    return any(
        word.rstrip(".,;:!?").lower() in _WORDS_OF_SENTENCES
        and not before.startswith("-")
        and not Path(word).exists()
        for before, word in pairwise(parts)
    )
