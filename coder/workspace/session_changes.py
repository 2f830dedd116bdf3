"""What a session has changed, parted into what may land, what needs the user's word, and the rest. Pure."""

from dataclasses import dataclass, field

from coder.fs.file_hashes import SnapshotFile
from coder.run.event_types import StoredFile
from coder.run.state import State
from coder.run.target import Target, decides
from coder.text.binary import as_bytes, as_text
from coder.workspace.edited_tests import is_allowed, is_offered
from coder.workspace.overlay import end_of
from coder.workspace.read import content, hash_and_mode, store


@dataclass(frozen=True, slots=True)
class SessionChanges:
    """Texts by path; None is a file that was removed."""

    files: dict[str, str | None] = field(default_factory=dict)
    test_edits: dict[str, str | None] = field(default_factory=dict)
    """Given tests, and other files that decide what passes."""
    left_out: tuple[str, ...] = ()
    """Paths that no change may write."""

    @property
    def texts(self) -> dict[str, str | None]:
        """What may land, and what may with the user's word."""
        return {**self.files, **self.test_edits}


def session_changes(state: State, target: Target) -> SessionChanges:
    """What the tree of a run's session differs in from the files that the run has read."""
    parts = SessionChanges()
    left: list[str] = []
    for path, now in state.tree.items():
        if not _differs(state.files.get(path), now):
            continue
        text = None if now is None else as_text(content(now))
        end = end_of(path, state.files)
        if is_allowed(path, state.settings.allow) or not decides(end, state.task, target):
            parts.files[end if text is not None else path] = text
        elif is_offered(end, state):
            parts.test_edits[end] = text
        else:
            left.append(path)
    return SessionChanges(parts.files, parts.test_edits, tuple(left))


def text_file(text: str | None, *, like: StoredFile | None) -> StoredFile | None:
    """A file with this text, and with the mode of another one; None where there is no text."""
    mode = like.mode if like is not None else 0o644
    return store(SnapshotFile.of(as_bytes(text), mode=mode)) if text is not None else None


def modes_of(state: State) -> dict[str, bool]:
    """Whether a file can be run by its name: of those that are new, and where the session has changed it."""
    now = {path: stored for path, stored in state.tree.items() if stored is not None}
    return {
        path: is_executable(stored)
        for path, stored in now.items()
        if path not in state.files or is_executable(stored) != is_program(state.files[path])
    }


def is_executable(stored: StoredFile) -> bool:
    """Whether a file can be run by its name."""
    return bool(stored.mode & 0o100)


def is_same(one: StoredFile | None, other: StoredFile | None) -> bool:
    """Whether two files hold the same, and both can be run or neither; of listed ones by their hashes."""
    if one is None or other is None or one == other:
        return one == other
    return hash_and_mode(one)[0] == hash_and_mode(other)[0] and is_executable(one) == is_executable(other)


def is_program(stored: StoredFile) -> bool:
    """Whether a file begins as a program does: such are executable in a session, and others aren't."""
    return content(stored).startswith((b"#!", b"\x7fELF"))


def is_switched(before: StoredFile | None, now: StoredFile | None) -> bool:
    """Whether a file that stays becomes executable in a session, or ceases to be so."""
    if before is None or now is None:
        return False
    return is_executable(now) not in (is_program(before), is_executable(before))


def _differs(before: StoredFile | None, now: StoredFile | None) -> bool:
    if before is None or now is None:
        return before is not now
    return (before.text, before.base64) != (now.text, now.base64) or is_switched(before, now)
