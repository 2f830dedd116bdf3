"""Whose turn it is: many samples side by side, and one second try that keeps a processor to itself."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator


class Exclusive:
    """Bounds what runs beside a second try; other samples go on meanwhile.

    Args:
        beside: samples that may run beside a second try; by default one processor is left to it.
    """

    def __init__(self, beside: int | None = None) -> None:
        self._changed = asyncio.Condition()
        self._beside = beside or max(1, (os.cpu_count() or 1) - 1)
        self._shared = 0
        self._retries = 0
        """Running and waiting."""
        self._retrying = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Run beside others."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._retries or self._shared < self._beside)
            self._shared += 1
        try:
            yield
        finally:
            async with self._changed:
                self._shared -= 1
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Run as the only second try, beside few others."""
        async with self._changed:
            self._retries += 1
        try:
            async with self._retrying:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._shared <= self._beside)
                yield
        finally:
            async with self._changed:
                self._retries -= 1
                self._changed.notify_all()
