"""A program's output, bounded: head and tail of both streams together; the middle is counted."""

from collections import deque
from typing import Literal, TypedDict

Stream = Literal["stdout", "stderr"]
_MARK = 64
"""Bytes reserved in each stream for the line that reports the omission."""


class Streams(TypedDict):
    """Output fields of a Result."""

    stdout: str
    stderr: str
    raw_stdout: bytes
    raw_stderr: bytes
    truncated: bool


class Output:
    """Keeps at most `limit` bytes of two streams: the first half, then the latest."""

    def __init__(self, limit: int, *, stdout: int | None = None) -> None:
        """`stdout`: a limit for stdout alone; then `limit` is for stderr."""
        self._stdout = None if stdout is None else Output(stdout)
        self._limit = limit
        self._head_room = limit // 2
        self._tail_limit = max(limit - self._head_room - 2 * _MARK, 0)
        self._tail_size = 0
        self._head: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._tail: deque[tuple[Stream, bytes]] = deque()
        self._dropped: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self.total = 0
        """Bytes added, kept or not."""

    @property
    def truncated(self) -> bool:
        """Whether output was omitted; only of stdout if stdout has its own limit."""
        return any(self._dropped.values()) if self._stdout is None else self._stdout.truncated

    def add(self, stream: Stream, chunk: bytes) -> None:
        """Add one chunk."""
        self.total += len(chunk)
        if stream == "stdout" and self._stdout is not None:
            self._stdout.add(stream, chunk)
            return
        head, rest = chunk[: self._head_room], chunk[self._head_room :]
        self._head[stream] += head
        self._head_room -= len(head)
        if rest:
            self._tail.append((stream, rest))
            self._tail_size += len(rest)
            self._forget_oldest()

    def streams(self) -> Streams:
        """Return both streams as fields of a Result."""
        return {
            "stdout": self.text("stdout"),
            "stderr": self.text("stderr"),
            "raw_stdout": self.raw("stdout"),
            "raw_stderr": self.raw("stderr"),
            "truncated": self.truncated,
        }

    def raw(self, stream: Stream) -> bytes:
        """Return one stream as bytes. Both together fit the limit."""
        if stream == "stdout" and self._stdout is not None:
            return self._stdout.raw(stream)
        return self._mark(stream).encode().join(self._pieces(stream))

    def text(self, stream: Stream) -> str:
        """Return one stream as text, invalid UTF-8 replaced. Both together fit the limit as UTF-8."""
        if stream == "stdout" and self._stdout is not None:
            return self._stdout.text(stream)
        whole = {name: self._pieces(name) for name in self._head}
        decoded = {
            name: [piece.decode("utf-8", "replace") for piece in pieces] for name, pieces in whole.items()
        }
        room = self._limit - (2 * _MARK if any(self._dropped.values()) else 0)
        if sum(len(text.encode()) for texts in decoded.values() for text in texts) > room:
            decoded = {name: [_cut(piece) for piece in pieces] for name, pieces in whole.items()}
        return self._mark(stream).join(decoded[stream])

    def _mark(self, stream: Stream) -> str:
        return f"\n[… {self._dropped[stream]} bytes left out …]\n"

    def _pieces(self, stream: Stream) -> list[bytes]:
        head = bytes(self._head[stream])
        tail = b"".join(chunk for name, chunk in self._tail if name == stream)
        return [head, tail] if self._dropped[stream] else [head + tail]

    def _forget_oldest(self) -> None:
        while self._tail_size > self._tail_limit:
            stream, chunk = self._tail.popleft()
            excess = self._tail_size - self._tail_limit
            kept = chunk[excess:]
            self._dropped[stream] += len(chunk) - len(kept)
            self._tail_size -= len(chunk) - len(kept)
            if kept:
                self._tail.appendleft((stream, kept))


def _cut(content: bytes) -> str:
    """Decode, and cut the middle if replacement characters take more bytes than the content."""
    text = content.decode("utf-8", "replace")
    encoded = text.encode()
    if len(encoded) <= len(content):
        return text
    half = len(content) // 2
    return encoded[:half].decode("utf-8", "ignore") + encoded[len(encoded) - half :].decode("utf-8", "ignore")
