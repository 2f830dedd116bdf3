"""What a run changes, as the patch that `git apply` and `patch -p1` take."""

import difflib
import re
from collections.abc import Iterator, Mapping

_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def unified_diff(before: Mapping[str, bytes | None], after: Mapping[str, bytes | None]) -> str:
    """Patch that turns `before` into `after`, by path; None is a file that is not there.

    A file that isn't UTF-8 text is named as binary; the patch doesn't hold its content.
    """
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return "".join(line for path in paths for line in _file(path, before.get(path), after.get(path)))


def count_lines(patch: str) -> tuple[int, int]:
    """Lines added and removed by a patch that `unified_diff` made."""
    inside, added, removed = False, 0, 0
    for line in patch.split("\n"):
        inside = line.startswith("@@") or (inside and not line.startswith("diff --git "))
        added += inside and line.startswith("+")
        removed += inside and line.startswith("-")
    return added, removed


def _file(path: str, old: bytes | None, new: bytes | None) -> Iterator[str]:
    old_name, new_name = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    yield f"diff --git {old_name} {new_name}\n"
    if old is None:
        yield f"new file mode {'100755' if new and new.startswith(b'#!') else '100644'}\n"
    if new is None:
        yield "deleted file mode 100644\n"
    old_name, new_name = "/dev/null" if old is None else old_name, "/dev/null" if new is None else new_name
    old_lines, new_lines = _lines(old), _lines(new)
    if old_lines is None or new_lines is None:
        yield f"Binary files {old_name} and {new_name} differ\n"
        return
    hunks = list(difflib.unified_diff(old_lines, new_lines))[2:]
    if hunks:
        yield f"--- {_ended(old_name)}\n+++ {_ended(new_name)}\n"
    for line in hunks:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(content: bytes | None) -> list[str] | None:
    """Lines with their ends; None for what isn't text. Only \\n ends a line, as git sees it."""
    if content is None:
        return []
    if b"\0" in content:
        return None
    try:
        return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def _quoted(name: str) -> str:
    """A name as git writes it: in quotes when it holds what could be mistaken."""
    if not re.search(r'[\x00-\x1f\x7f"\\]', name):
        return name
    escaped = (_ESCAPES.get(c) or (f"\\{ord(c):03o}" if c < " " or c == "\x7f" else c) for c in name)
    return f'"{"".join(escaped)}"'


def _ended(name: str) -> str:
    """A name with a blank is ended by a tab: else `patch` stops at the blank."""
    return f"{name}\t" if " " in name and not name.startswith('"') else name
