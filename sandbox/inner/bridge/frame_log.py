"""The frames that passed between a checker and one candidate, in order."""

from __future__ import annotations

import hashlib

MAX_KEPT = 16 << 20
"""Maximum bytes of the frames that are kept."""


class FrameLog:
    """Takes a digest of all frames, and keeps them if asked to."""

    def __init__(self, *, keeps: bool = False) -> None:
        """`keeps`: whether the frames are kept, as far as they fit."""
        self.frames: list[tuple[bytes, bytes]] = []
        """Each frame sent, with the one received for it."""
        self.is_whole = keeps
        """Whether all frames so far are kept."""
        self._hash = hashlib.blake2b(digest_size=16)
        self._left = MAX_KEPT

    def note(self, sent: bytes, received: bytes) -> None:
        """Take an exchange."""
        for frame in (sent, received):
            self._hash.update(len(frame).to_bytes(8, "little"))
            self._hash.update(frame)
        self._left -= len(sent) + len(received)
        if self.is_whole and self._left >= 0:
            self.frames.append((sent, received))
        else:
            self.is_whole = False

    def digest(self) -> str:
        """Return the digest of all frames so far: 32 hexadecimal digits."""
        return self._hash.hexdigest()
