"""Decode what a sandbox sent, without holding up the owner's event loop."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.inner.bridge.codec import decode

T = TypeVar("T")
_AT_ONCE = 32 << 10
"""Bytes that are read within a few milliseconds, whatever they hold."""


async def decoded(frame: bytes, read: Callable[[bytes], T] | None = None) -> T | Any:  # noqa: ANN401 - any value
    """What a frame holds. A large one is read by a thread; no step of it keeps the interpreter for long.

    Args:
        read: instead of `decode`.

    Raises:
        CodecError: as `decode`.
    """
    read = read or decode
    return read(frame) if len(frame) <= _AT_ONCE else await asyncio.to_thread(read, frame)
