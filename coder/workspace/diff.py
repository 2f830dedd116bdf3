"""Write a run's changes as a patch for `git apply` and `patch -p1`."""

import base64
import difflib
import hashlib
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping

from coder.base.text.editor_config import Charset
from coder.base.text.encodings import decoded, encoding_of
from coder.base.text.sanitize import as_text, count_of, is_binary, one_line

_BINARY_LINE = 52
"""Bytes per line of binary content, as in git."""
_LETTER_COUNT = 26
_MAX_NAMED = 20
"""Maximum files in one line of a summary."""
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def unified_diff(
    before: Mapping[str, bytes | None],
    after: Mapping[str, bytes | None],
    *,
    executable: Collection[str] | None = None,
    switched: Collection[str] = (),
    links: Collection[str] = (),
    charset_of: Charset = lambda path: None,
) -> str:
    """Return the patch from `before` to `after`, by path; None: no file. Binary files need git.

    Args:
        executable: new or removed executable files; None: those that begin with `#!`.
        switched: existing files whose executable bit changes.
        links: new symbolic links, whose contents are their targets.
        charset_of: finds the codec of a path by `.editorconfig`, to show the changes of such a text, too.
    """
    changed_paths = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    paths = sorted(changed_paths | {*switched})
    parts: list[str] = []
    for path in paths:
        old, new = before.get(path), after.get(path)
        content = (old if new is None else new) or b""
        is_executable = content.startswith(b"#!") if executable is None else path in executable
        mode = "120000" if path in links else "100755" if is_executable else "100644"
        if _lines(old) is None or _lines(new) is None:
            parts += _in_own_encoding(path, (old, new), charset_of(path))
        parts += _file(path, old, new, mode=mode, switched=path in switched)
    return "".join(parts)


def count_lines(patch: str) -> tuple[int, int]:
    """Return the lines added and removed by a patch of `unified_diff`."""
    is_in_hunk, added, removed = False, 0, 0
    for line in patch.split("\n"):
        is_in_hunk = line.startswith("@@") or (is_in_hunk and not line.startswith("diff --git "))
        added += is_in_hunk and line.startswith("+")
        removed += is_in_hunk and line.startswith("-")
    return added, removed


def _file(path: str, old: bytes | None, new: bytes | None, *, mode: str, switched: bool) -> Iterator[str]:
    old_name, new_name = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    yield f"diff --git {old_name} {new_name}\n"
    if old is None:
        yield f"new file mode {mode}\n"
    if new is None:
        yield f"deleted file mode {mode}\n"
    if switched:
        yield f"old mode {'100644' if mode == '100755' else '100755'}\nnew mode {mode}\n"
    old_name, new_name = "/dev/null" if old is None else old_name, "/dev/null" if new is None else new_name
    old_lines, new_lines = _lines(old), _lines(new)
    if old_lines is None or new_lines is None:
        yield from _binary(old, new)
        return
    hunk_lines = list(difflib.unified_diff(old_lines, new_lines))[2:]
    if hunk_lines:
        yield f"--- {_with_tab(old_name)}\n+++ {_with_tab(new_name)}\n"
    for line in hunk_lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _in_own_encoding(path: str, contents: Iterable[bytes | None], charset: str | None) -> Iterator[str]:
    """Yield the changed lines of a text that isn't UTF-8 but says what it is, which git and patch skip."""
    raw_texts = ["" if content is None else as_text(content) for content in contents]
    encodings = [encoding for text in raw_texts if (encoding := encoding_of(text, charset)) is not None]
    texts = [decoded(text, charset) for text in raw_texts]
    if not encodings or any(map(is_binary, texts)):
        return
    yield f"# {_quoted(path)} in {encodings[-1]}:\n"
    before, after = (text.splitlines() for text in texts)
    yield from (f"# {line}\n" for line in list(difflib.unified_diff(before, after, lineterm=""))[2:])


def _binary(old: bytes | None, new: bytes | None) -> Iterator[str]:
    """Yield git's binary patch; the old content is only identified by hash."""
    yield f"index {_blob(old)}..{_blob(new)}\nGIT binary patch\nliteral {len(new or b'')}\n"
    compressed = zlib.compress(new or b"")
    for start in range(0, len(compressed), _BINARY_LINE):
        piece = compressed[start : start + _BINARY_LINE]
        length = chr(
            len(piece) + (ord("A") - 1 if len(piece) <= _LETTER_COUNT else ord("a") - 1 - _LETTER_COUNT)
        )
        yield f"{length}{base64.b85encode(piece, pad=True).decode()}\n"
    yield "\n"


def _blob(content: bytes | None) -> str:
    """Return git's id of a blob with this content."""
    if content is None:
        return "0" * 40
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _lines(content: bytes | None) -> list[str] | None:
    """Split content into lines; None for binary content. Only a newline ends a line, as in git."""
    if content is None:
        return []
    if b"\0" in content:
        return None
    try:
        return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def _quoted(name: str) -> str:
    if not re.search(r'[\x00-\x1f\x7f"\\]', name):
        return name
    escaped = (
        _ESCAPES.get(character)
        or (f"\\{ord(character):03o}" if character < " " or character == "\x7f" else character)
        for character in name
    )
    return f'"{"".join(escaped)}"'


def _with_tab(name: str) -> str:
    """Append a tab to a name with a blank, because `patch` would stop at the blank."""
    return f"{name}\t" if " " in name and not name.startswith('"') else name


def diff_stat(patch: str) -> str:
    """Return a summary such as `client.py +14 -2  test.py +3 -0` of a patch of `unified_diff`."""
    parts = re.split(r"^(?=diff --git )", patch, flags=re.MULTILINE)
    files = [part for part in parts if part.startswith("diff --git ")]
    note = [f"and {count_of(len(files) - _MAX_NAMED, 'more file')}"] if len(files) > _MAX_NAMED else []
    return "  ".join([*(f"{_name(file)} {_size(file)}" for file in files[:_MAX_NAMED]), *note])


def _size(file: str) -> str:
    if re.search(r"^deleted file mode", file, re.MULTILINE):
        return "removed"
    binary = re.search(r"^GIT binary patch\nliteral (\d+)$", file, re.MULTILINE)
    added, removed = count_lines(file)
    mode = re.search(r"^new mode (\d+)$", file, re.MULTILINE)
    size = f"binary, {binary[1]} bytes" if binary else f"+{added} -{removed}"
    return f"{size}, mode {mode[1]}" if mode else size


def _name(file: str) -> str:
    """Return the path in `diff --git a/PATH b/PATH`, whose halves have equal length even with blanks."""
    header = file.partition("\n")[0].removeprefix("diff --git ")
    return one_line(header[: (len(header) - 1) // 2].strip('"').removeprefix("a/"))
