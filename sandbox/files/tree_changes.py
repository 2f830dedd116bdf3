"""What changed in a tree since a moment, by content. Only what its times say may have changed is read again.

Commands may be at work in the tree meanwhile: each file is opened below the root, over no link, and what a
Change holds is what was read once.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox.errors import FileRefused
from sandbox.files.resolve_beneath import FOLDER, Beneath
from sandbox.result import Change, Changes, LeftOut

MAX_FILE, MAX_FILES, MAX_BYTES = 10 << 20, 2000, 100 << 20
"""Bytes of one changed file, how many are handed out at a time, and their bytes together."""
_RACY_NS = 50_000_000
"""A file may change twice within one tick of the kernel's clock: what is so young is read again."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_SETID = stat.S_ISUID | stat.S_ISGID
_Mode = Literal["100644", "100755", "120000"]
_Reason = Literal["too_large", "link", "special", "name", "unreadable"]
_Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _File:
    """State of one file."""

    sha256: str
    mode: _Mode


@dataclass(frozen=True, slots=True)
class _Closed:
    """State of what is never handed out; `mark` tells whether it changed."""

    reason: _Reason
    mark: object = None


_State = _File | _Closed
_Seen = tuple[str, os.stat_result | None]


class TreeChanges:
    """A tree, and what it held at a moment. Its methods block: call them in a thread, one at a time."""

    def __init__(self, below: Beneath, capacity: Callable[[], int]) -> None:
        """`capacity` is how many bytes the tree can hold: files that claim more together have holes."""
        self._below, self._capacity, self._room = below, capacity, 0
        self._base: dict[str, _State] = {}
        self._stamps: dict[str, tuple[_Stamp, _State]] = {}
        """What was read, and the times that it had then."""

    def rebase(self) -> None:
        """Compare with the tree as it is now from here on."""
        with self._below.as_owner():
            self._room = self._capacity()
            self._base = {path: self._state(path, found) for path, found in self._walk(lambda path: False)}

    def changes(self, ignored: Callable[[str], bool]) -> Changes:
        """What differs from the base; `ignored` is asked of each path, a folder's with a slash at its end."""
        changes: list[Change] = []
        left_out: list[LeftOut] = []
        room, files, seen = MAX_BYTES, 0, set()
        closed: list[str] = []
        with self._below.as_owner():
            self._room = 2 * self._capacity()  # what changed may be read twice
            for path, found in self._walk(ignored):
                seen.add(path)
                if found is None:
                    closed.append(path)
                before = self._base.get(path)
                state, content = self._state(path, found), None
                if state != before and found is not None:
                    state, content = self._read_anew(path, found)
                if state == before:
                    continue
                if isinstance(state, _Closed):
                    left_out.append(LeftOut(path=_as_text(path), reason=state.reason))
                elif content is None or files == MAX_FILES or len(content) > room:
                    left_out.append(LeftOut(path=path, reason="too_many"))
                else:
                    room, files = room - len(content), files + 1
                    changes.append(_change(path, before, state, content))
        for path, before in self._base.items():
            if path in seen or _is_within(path, closed) or _is_ignored(path, ignored):
                continue
            if isinstance(before, _File):
                changes.append(_change(path, before, None, None))
        return Changes(changes=tuple(sorted(changes, key=lambda one: one.path)), left_out=tuple(left_out))

    def _walk(self, ignored: Callable[[str], bool]) -> Iterator[_Seen]:
        """Path and stat of whatever is no folder; None where that can't be had."""
        waiting = [""]
        while waiting:
            base = waiting.pop()
            try:
                folder = self._below.open(base or ".", FOLDER)
            except OSError:  # gone meanwhile, or closed to its own uid
                yield base, None
                continue
            try:
                device = os.fstat(folder).st_dev
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name == ".git":
                            continue
                        path = f"{base}/{entry.name}" if base else entry.name
                        try:
                            found = entry.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        if stat.S_ISDIR(found.st_mode):
                            if found.st_dev == device and not ignored(f"{path}/"):
                                waiting.append(path)
                        elif not ignored(path):
                            yield path, found
            finally:
                os.close(folder)

    def _state(self, path: str, found: os.stat_result | None) -> _State:
        """State of one file, which is read only where its times say that it may have changed."""
        if found is None:
            return _Closed("unreadable")
        known = self._stamps.get(path)
        if known is not None and known[0] == _stamp(found):
            return known[1]
        return self._read_anew(path, found)[0]

    def _read_anew(self, path: str, found: os.stat_result) -> tuple[_State, bytes | None]:
        """State of one file, and the content that it has then."""
        if _as_text(path) != path:
            return _Closed("name", found.st_ctime_ns), None
        state, content = self._read(path, found)
        if found.st_ctime_ns < time.time_ns() - _RACY_NS:
            self._stamps[path] = _stamp(found), state
        else:
            self._stamps.pop(path, None)
        return state, content

    def _read(self, path: str, found: os.stat_result) -> tuple[_State, bytes | None]:
        if stat.S_ISLNK(found.st_mode):
            return self._read_link(path)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & _SETID:
            return _Closed("special", found.st_mode), None
        self._room -= found.st_size
        if found.st_size > MAX_FILE or self._room < 0:
            return _Closed("too_large", (found.st_size, found.st_mtime_ns)), None
        try:
            with open(self._below.open(path, _READ), "rb", buffering=0) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return _Closed("special"), None
                content = _up_to(file, MAX_FILE + 1)
        except OSError:
            return _Closed("unreadable", found.st_ctime_ns), None
        if len(content) > MAX_FILE:
            return _Closed("too_large"), None
        mode: _Mode = "100755" if found.st_mode & stat.S_IXUSR else "100644"
        return _File(hashlib.sha256(content).hexdigest(), mode), content

    def _read_link(self, path: str) -> tuple[_State, bytes | None]:
        parent, _, name = path.rpartition("/")
        try:
            folder = self._below.open(parent or ".", FOLDER)
            try:
                target = os.readlink(name, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError:
            return _Closed("unreadable"), None
        if target.startswith("/") or os.path.normpath(f"{parent}/{target}".lstrip("/")).startswith(".."):
            return _Closed("link", target), None
        content = os.fsencode(target)
        return _File(hashlib.sha256(content).hexdigest(), "120000"), content


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _change(path: str, before: _State | None, after: _File | None, content: bytes | None) -> Change:
    was = before if isinstance(before, _File) else None
    file = after or was
    if file is None:
        raise FileRefused(f"{path!r} is neither there nor was it.")
    return Change(
        path=path,
        before=was.sha256 if was else None,
        after=after.sha256 if after else None,
        mode=file.mode,
        kind="deleted" if after is None else "modified" if was else "added",
        content=content,
    )


def _is_within(path: str, folders: list[str]) -> bool:
    return any(not folder or path.startswith(f"{folder}/") for folder in folders)


def _is_ignored(path: str, ignored: Callable[[str], bool]) -> bool:
    parts = path.split("/")
    return ignored(path) or any(ignored("/".join(parts[:i]) + "/") for i in range(1, len(parts)))


def _up_to(file: io.FileIO, most: int) -> bytes:
    """What a file holds, which may grow meanwhile."""
    content = bytearray()
    while len(content) < most and (piece := file.read(min(1 << 20, most - len(content)))):
        content += piece
    return bytes(content)


def _as_text(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
