"""Whose turn it is: many samples side by side, and second tries that keep a processor each to themselves."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator


class Exclusive:
    """Limits what runs beside second tries, which have a processor each; other samples continue."""

    def __init__(self, processors: int | None = None) -> None:
        self._changed = asyncio.Condition()
        self._processors = processors or os.cpu_count() or 1
        self._shared = 0
        self._shared_waiting = 0
        self._retries = 0
        """Running and waiting."""
        self._retrying = 0

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Run beside others."""
        async with self._changed:
            self._shared_waiting += 1
            try:
                await self._changed.wait_for(lambda: not self._retries or self._shared < self._room())
            finally:
                self._shared_waiting -= 1
                self._changed.notify_all()
            self._shared += 1
        try:
            yield
        finally:
            async with self._changed:
                self._shared -= 1
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Run as a second try: one at a time, or one on each processor where nothing else is to be done."""
        async with self._changed:
            self._retries += 1
            try:
                await self._changed.wait_for(self._is_free)
            except BaseException:
                self._retries -= 1
                self._changed.notify_all()
                raise
            self._retrying += 1
        try:
            yield
        finally:
            async with self._changed:
                self._retries -= 1
                self._retrying -= 1
                self._changed.notify_all()

    def _room(self) -> int:
        """For samples beside second tries; where several run, nothing else was to be done."""
        return max(1, self._processors - 1) if self._retrying <= 1 else self._processors - self._retrying

    def _is_free(self) -> bool:
        if not self._retrying:
            return self._shared <= self._room()
        return not self._shared and not self._shared_waiting and self._retrying < self._processors
