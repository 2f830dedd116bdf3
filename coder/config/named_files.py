"""Digest of a file that starts programs, including the repository's files that it names.

Names are paths in the repository and modules there (`-m tools.server`): files count by content, folders by
all their files. Files that a named script imports from the repository count, too; programs that it starts
don't.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from coder.base.errors import UsageError
from coder.config.imported_files import imported_files

MAX_FILES, MAX_BYTES = 2_000, 16 << 20
"""Maximum number and total bytes of the named files."""
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+")
_BETWEEN = re.compile(r"[\s=;|&<>'\"`(){}:,@]+")
_OPTION = re.compile(r"-[A-Za-z]")
"""Option whose value may follow without a space, as in `-r./hook.js`."""
_MODULE = re.compile(r"[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*", re.ASCII)


def digest_with_named_files(folder: Path, path: str, content: bytes) -> str:
    """Return the SHA-256 (hex) of a file's content and of the files in the folder that it names.

    Without named files, it is the digest of the content.

    Raises UsageError if it names too many files or bytes, or a file that can't be read.
    """
    digest, total = hashlib.sha256(content), 0
    root = folder.resolve()
    named_files = _named_files(root, content) - {root / path}
    named_files |= imported_files(named_files, root)
    for count, file in enumerate(sorted(named_files), 1):
        try:
            total += file.stat().st_size
            if count > MAX_FILES or total > MAX_BYTES:
                raise UsageError(
                    f"{path} is ignored: it names more than {MAX_FILES:,} files or {MAX_BYTES:,} bytes here"
                )
            mode, text = file.stat().st_mode & 0o111, file.read_bytes()
        except OSError as error:
            raise UsageError(f"{path} is ignored: {file} can't be read: {error.strerror}") from error
        name = str(file.relative_to(root))
        digest.update(f"{name!r} {mode:o} {hashlib.sha256(text).hexdigest()}\n".encode())
    return digest.hexdigest()


def paths_named(content: bytes) -> Iterator[str]:
    """Yield paths and modules that the texts of a JSON document may name in a repository."""
    for word in _words(content):
        yield from _paths(word)


def _named_files(root: Path, content: bytes) -> set[Path]:
    files: set[Path] = set()
    for name in paths_named(content):
        try:
            place = (root / name).resolve()
            is_here = place != root and place.is_relative_to(root)
            if is_here and place.is_file():
                files.add(place)
            elif is_here and place.is_dir():
                files |= _files_below(place)
        except (OSError, ValueError):  # too long, or with a NUL
            continue
    return files


def _files_below(folder: Path) -> set[Path]:
    """Return the regular files below a folder, at most one more than the limit; links aren't followed."""
    files: set[Path] = set()
    for parent, _, names in os.walk(folder):
        paths = (Path(parent, name) for name in names)
        files |= {path for path in paths if path.is_file() and not path.is_symlink()}
        if len(files) > MAX_FILES:
            break
    return files


def _words(content: bytes) -> Iterator[str]:
    """Yield the words of all texts of a JSON document; none of an invalid one, which starts nothing."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return
    for text in _texts([document]):
        yield text
        for word in filter(None, _BETWEEN.split(text)):
            yield word
            yield word.lstrip("-")  # also the default of a variable, ${NAME:-PATH}
            if _OPTION.match(word):
                yield word[2:]


def _texts(values: Iterable[object]) -> Iterator[str]:
    stack = list(values)
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, list):
            stack += value


def _paths(word: str) -> Iterator[str]:
    """Yield paths and modules that a word may name in the repository, also after a variable."""
    plain = _VARIABLE.sub("", word)
    for path in dict.fromkeys((word, plain, plain.lstrip("/"))):
        if path:
            yield path
    if _MODULE.fullmatch(word):
        yield word.replace(".", "/") + ".py"
        yield word.replace(".", "/")
