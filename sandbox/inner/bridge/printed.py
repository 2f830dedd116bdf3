"""Capture a bounded amount of a candidate's output per call; the test's process prints it too."""

from __future__ import annotations

import io
import os
import sys

MAX_PRINTED = 4 << 20
"""Bytes kept of one call's output; the rest is dropped, from the real stdout too."""


class _Kept(io.RawIOBase):
    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, data: object) -> int:
        raw = bytes(data)  # type: ignore[call-overload]
        self.content += raw[: MAX_PRINTED - len(self.content)]
        return len(raw)


class Printed:
    """Replacement of sys.stdout; captured output also goes to the real one."""

    def __init__(self) -> None:
        self._kept = _Kept()
        self._stream = io.TextIOWrapper(
            io.BufferedWriter(self._kept), encoding="utf-8", errors="surrogateescape", write_through=True
        )
        sys.stdout = self._stream

    def take(self) -> str:
        """Return the output since the last call."""
        if not self._stream.closed:
            self._stream.flush()
        raw = bytes(self._kept.content)
        self._kept.content.clear()
        if raw:
            os.write(1, raw)
        return raw.decode("utf-8", "replace")
