"""Find changes in a tree, by content. A file is read again only if its times have changed.

Commands may run meanwhile: each file is opened below the root, over no link, and read once for a Change.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from sandbox.errors import FileRefused
from sandbox.files.resolve_beneath import FOLDER, Beneath, as_text
from sandbox.files.tree_walk import WalkedEntry, walk_tree
from sandbox.result import Change, Changes, LeftOut

MAX_FILE, MAX_FILES, MAX_BYTES = 10 << 20, 2000, 100 << 20
"""Bounds of returned changes: bytes of a file, files, bytes together."""
_RACY_NS = 50_000_000
"""Age below which a file is read again: it may change twice within a tick of the kernel's clock."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_SETID = stat.S_ISUID | stat.S_ISGID
Mode = Literal["100644", "100755", "120000"]
Reason = Literal["too_large", "link", "special", "name", "unreadable"]


@dataclass(frozen=True, slots=True)
class FileState:
    """State of a file whose content is returned."""

    sha256: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class ClosedState:
    """State of a file whose content is never returned; a different `mark` means that it changed."""

    reason: Reason
    mark: object = None


State = FileState | ClosedState


class TreeChanges:
    """A tree and its base. Methods block: call them in a thread, one at a time."""

    def __init__(self, below: Beneath, capacity: Callable[[], int]) -> None:
        """`capacity`: bytes that the tree can hold; files that claim more are sparse."""
        self._below, self._capacity, self._room = below, capacity, 0
        self._base: dict[str, State] = {}
        self._stamps: dict[str, tuple[tuple[int, ...], State]] = {}
        """Stamp and state of each file when it was read."""

    def rebase(self, laid: Mapping[str, str] | None = None) -> None:
        """Make the present tree the base.

        `laid`: SHA-256 (hex) by path of files that only the host has written, and no program can change yet.
        """
        with self._below.as_owner():
            self._room, hashes = self._capacity(), laid or {}
            entries = dict(self._walk(lambda path: False))
            unread = [path for path, status in entries.items() if status and self._is_unread(path, status)]
            rest = self._hash([path for path in unread if not hashes.get(path)], entries)
            self._base = {
                path: self._load_state(path, status, hashes.get(path) or rest.get(path))
                for path, status in entries.items()
            }

    def changes(self, ignored: Callable[[str], bool]) -> Changes:
        """Return the changes since the base; `ignored`: whether to skip a path, a folder's with a slash."""
        changes: list[Change] = []
        left_out: list[LeftOut] = []
        room, files = MAX_BYTES, 0
        paths: set[str] = set()
        unreadable: list[str] = []
        with self._below.as_owner():
            self._below.open_root_to_us()
            self._room = 2 * self._capacity()  # changed files may be read twice
            for path, status in self._walk(ignored):
                paths.add(path)
                if status is None:
                    unreadable.append(path)
                before = self._find_base_state(path)
                if before is None and status is not None:
                    if files == MAX_FILES or room < status.st_size <= MAX_FILE:  # new: no need to read it
                        left_out.append(LeftOut(path=as_text(path), reason="too_many"))
                        continue
                    state, content = self._read_anew(path, status)
                else:
                    state, content = self._load_state(path, status), None
                    if state != before and status is not None:
                        state, content = self._read_anew(path, status)
                if state == before:
                    continue
                if isinstance(state, ClosedState):
                    left_out.append(LeftOut(path=as_text(path), reason=state.reason))
                elif content is None or files == MAX_FILES or len(content) > room:
                    left_out.append(LeftOut(path=path, reason="too_many"))
                else:
                    room, files = room - len(content), files + 1
                    changes.append(_make_change(path, before, state, content))
            for path in self._find_removed(paths):
                before = self._find_base_state(path)
                is_skipped = _is_within(path, unreadable) or _is_ignored_within(path, ignored)
                if isinstance(before, FileState) and not is_skipped:
                    changes.append(_make_change(path, before, None, None))
        return Changes(
            changes=tuple(sorted(changes, key=lambda change: change.path)), left_out=tuple(left_out)
        )

    def read_state(self, path: str, laid: str) -> State | None:
        """Read the state of one file, None if it is missing; call it within `as_owner`."""
        self._room = self._capacity()
        try:
            descriptor = self._below.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return self._load_state(path, os.fstat(descriptor), laid)
        finally:
            os.close(descriptor)

    def _find_base_state(self, path: str) -> State | None:
        return self._base.get(path)

    def _find_removed(self, paths: Set[str]) -> Set[str]:
        """Find the paths of the base that a walk didn't meet."""
        return self._base.keys() - paths

    def _walk(self, ignored: Callable[[str], bool]) -> Iterator[WalkedEntry]:
        """Yield path and stat of each entry but folders; no stat if it is inaccessible."""
        return walk_tree(self._below, ignored)

    def _is_unread(self, path: str, status: os.stat_result) -> bool:
        """Whether a file has content to read, and its times have changed since the last read."""
        if not stat.S_ISREG(status.st_mode) or status.st_mode & _SETID or status.st_size > MAX_FILE:
            return False
        stamp_and_state = self._stamps.get(path)
        return stamp_and_state is None or stamp_and_state[0] != _stamp(status)

    def _hash(self, paths: Sequence[str], entries: Mapping[str, os.stat_result | None]) -> Mapping[str, str]:
        """Return the SHA-256 (hex) by path of files cheaper to hash together; others are read one by one."""
        return {}

    def _now_ns(self) -> int:
        """Return the time in nanoseconds by the clock of the tree's kernel."""
        return time.time_ns()

    def _load_state(self, path: str, status: os.stat_result | None, laid: str | None = None) -> State:
        """Return the state of one file, read only if its times have changed; `laid` is its known SHA-256."""
        if status is None:
            return ClosedState("unreadable")
        if laid and stat.S_ISREG(status.st_mode) and status.st_size <= MAX_FILE and as_text(path) == path:
            return self._remember_state(path, status, FileState(laid, _mode_of(status)))
        stamp_and_state = self._stamps.get(path)
        if stamp_and_state is not None and stamp_and_state[0] == _stamp(status):
            return stamp_and_state[1]
        return self._read_anew(path, status)[0]

    def _read_anew(self, path: str, status: os.stat_result) -> tuple[State, bytes | None]:
        if as_text(path) != path:
            return ClosedState("name", status.st_ctime_ns), None
        state, content = self._read(path, status)
        return self._remember_state(path, status, state), content

    def _remember_state(self, path: str, status: os.stat_result, state: State) -> State:
        if status.st_ctime_ns < self._now_ns() - _RACY_NS:
            self._stamps[path] = _stamp(status), state
        else:
            self._stamps.pop(path, None)
        return state

    def _read(self, path: str, status: os.stat_result) -> tuple[State, bytes | None]:
        if stat.S_ISLNK(status.st_mode):
            return self._read_link(path)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & _SETID:
            return ClosedState("special", status.st_mode), None
        self._room -= status.st_size
        if status.st_size > MAX_FILE or self._room < 0:
            return ClosedState("too_large", (status.st_size, status.st_mtime_ns)), None
        try:
            content = self._content(path)
        except OSError:
            return ClosedState("unreadable", status.st_ctime_ns), None
        if content is None:
            return ClosedState("special"), None
        if len(content) > MAX_FILE:
            return ClosedState("too_large"), None
        return FileState(hashlib.sha256(content).hexdigest(), _mode_of(status)), content

    def _read_link(self, path: str) -> tuple[State, bytes | None]:
        """Return the state of a symbolic link, and its target if that is inside the tree."""
        parent, _, _ = path.rpartition("/")
        try:
            target = self._target(path)
        except OSError:
            return ClosedState("unreadable"), None
        if target.startswith("/") or os.path.normpath(f"{parent}/{target}".lstrip("/")).startswith(".."):
            return ClosedState("link", target), None
        content = os.fsencode(target)
        return FileState(hashlib.sha256(content).hexdigest(), "120000"), content

    def _content(self, path: str) -> bytes | None:
        """Read a regular file up to a byte beyond MAX_FILE; None if it isn't regular. Raises OSError."""
        with open(self._below.open(path, _READ), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            return file.read(MAX_FILE + 1)

    def _target(self, path: str) -> str:
        """Return the target of a symbolic link. Raises OSError."""
        parent, _, name = path.rpartition("/")
        folder = self._below.open(parent or ".", FOLDER)
        try:
            return os.readlink(name, dir_fd=folder)
        finally:
            os.close(folder)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _make_change(path: str, before: State | None, after: FileState | None, content: bytes | None) -> Change:
    file_before = before if isinstance(before, FileState) else None
    file = after or file_before
    if file is None:
        raise FileRefused(f"{path!r} is neither there nor was it.")
    return Change(
        path=path,
        before=file_before.sha256 if file_before else None,
        after=after.sha256 if after else None,
        mode=file.mode,
        kind="deleted" if after is None else "modified" if file_before else "added",
        content=content,
    )


def _is_within(path: str, folders: list[str]) -> bool:
    return any(not folder or path.startswith(f"{folder}/") for folder in folders)


def _is_ignored_within(path: str, ignored: Callable[[str], bool]) -> bool:
    parts = path.split("/")
    return ignored(path) or any(ignored("/".join(parts[:i]) + "/") for i in range(1, len(parts)))


def _mode_of(status: os.stat_result) -> Mode:
    return "100755" if status.st_mode & stat.S_IXUSR else "100644"
