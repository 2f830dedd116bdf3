"""Hours that pass in a moment: a clock of models that a test moves, and streams that take long by it."""

import asyncio
import threading
from dataclasses import replace
from time import monotonic

import pytest

from coder.models import chat_completions, retries
from tests.faulty_endpoint import Reply


class MovedClock:
    """The clock of calls to models; `passed_s` are the seconds by which it is ahead of the machine's."""

    passed_s = 0.0

    def now(self) -> float:
        """Return the time that calls and their timeouts see."""
        return monotonic() + self.passed_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    """Return a clock that a test can move."""
    clock = MovedClock()
    for place, name in ((chat_completions, "monotonic"), (retries, "monotonic")):
        monkeypatch.setattr(place, name, clock.now)
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda _: clock.now())
    return clock


def slowly(
    reply: Reply, clock: MovedClock, *, between_s: float, patch: pytest.MonkeyPatch, but: int
) -> Reply:
    """Return a stream each piece of which comes so many seconds after the one before has arrived.

    Args:
        but: how many pieces come at once at its end.
    """
    arrived = threading.Semaphore(0)
    alive = retries.SilenceClock.alive

    def note(silence: retries.SilenceClock) -> None:
        is_begin = not hasattr(silence, "_since")
        alive(silence)
        if not is_begin:
            arrived.release()

    def wait(number: int) -> None:
        if 1 < number <= len(reply.pieces) - but:  # the first one is the head
            assert arrived.acquire(timeout=300)
            clock.passed_s += between_s

    patch.setattr(retries.SilenceClock, "alive", note)
    return replace(reply, before_piece=wait)
