"""Whose turn it is on this machine: many samples side by side, or one that is tried alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Exclusive:
    """Shared turns run beside each other; a turn alone waits until they are over, and holds new ones back."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._shared = 0
        self._wanted_alone = 0
        self._alone = False

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Take part beside others."""
        async with self._changed:
            await self._changed.wait_for(lambda: not (self._alone or self._wanted_alone))
            self._shared += 1
        try:
            yield
        finally:
            async with self._changed:
                self._shared -= 1
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Have the machine for oneself, so far as we use it."""
        async with self._changed:
            self._wanted_alone += 1
            try:
                await self._changed.wait_for(lambda: not (self._alone or self._shared))
                self._alone = True
            finally:
                self._wanted_alone -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            async with self._changed:
                self._alone = False
                self._changed.notify_all()
