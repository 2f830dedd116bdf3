"""Stream one answer from an endpoint."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from coder.base.text.redact import RedactingStream
from coder.models.connection import WHOLE
from coder.models.endpoint import Api, Patience
from coder.models.model import ChatMessage, Form, OnRetry, Sampling
from coder.models.retries import Passing, SilenceClock
from coder.models.stream import Unfinished

MORE_TIME = "A model that reasons for longer needs more: --model-timeout SECONDS."
USAGE_S = 5.0
"""Longest wait for the count of tokens after a complete answer."""


@dataclass(slots=True)
class Call:
    """One request, and its answer so far."""

    messages: Sequence[ChatMessage]
    sampling: Sampling
    form: Form | None
    on_token: Callable[[str], None] | None
    clock: SilenceClock
    unfinished: Unfinished = field(default_factory=Unfinished)
    has_called: bool = False
    """Whether the model has called a tool in this run."""
    refusals: int = 0
    """Number of refusals by an HTTP status so far."""
    on_retry: OnRetry | None = None


async def stream_answer(
    call: Call,
    events_of: Callable[[Callable[[], None]], AsyncGenerator[object, None]],
    *,
    api: Api,
    patience: Patience,
    redactor: RedactingStream | None,
) -> Unfinished:
    """Stream the answer to one request to `call.on_token`, through `redactor`.

    Raises:
        Passing: no byte came for too long, or the answer is incomplete.
        Exception: the stream failed before the answer was complete.
    """
    take = _reader(api)
    unfinished = call.unfinished
    wait_s = patience.headers_s

    def reset_limit() -> None:
        nonlocal wait_s
        call.clock.alive()
        if unfinished.finish is None:
            wait_s = patience.idle_s
            limit.reschedule(asyncio.get_running_loop().time() + wait_s)

    def show(token: str) -> None:
        if token and call.on_token is not None:
            call.on_token(token)

    try:
        async with (
            asyncio.timeout(wait_s) as limit,
            aclosing(_unless_ended(events_of(reset_limit), call)) as events,
        ):
            async for event in events:
                if event is WHOLE:
                    unfinished.complete()
                    continue
                token = take(unfinished, event)
                show(redactor.feed(token) if redactor is not None else token)
                if unfinished.too_long:
                    break
                if unfinished.finish is not None:
                    limit.reschedule(asyncio.get_running_loop().time() + USAGE_S)
    except TimeoutError:
        # Any other TimeoutError is a programming error; a complete answer is returned.
        if not limit.expired():
            raise
        if unfinished.finish is None:
            raise Passing(f"no sign of life for {wait_s:.3g} s", advice=MORE_TIME) from None
    unfinished.text()
    show(redactor.finish() if redactor is not None else "")
    return unfinished


async def _unless_ended(events: AsyncGenerator[object, None], call: Call) -> AsyncGenerator[object, None]:
    """Yield the events of an answer; errors after its end are ignored, since only token counts follow."""
    from httpx2 import RequestError

    try:
        async with aclosing(events):
            async for event in events:
                yield event
    except (RequestError, Passing):
        if call.unfinished.finish is None:
            raise


def _reader(api: Api) -> Callable[[Unfinished, object], str]:
    """Return the function that processes one event and returns the text that it adds."""
    if api == "responses":
        from coder.models.responses import take_event

        return take_event
    if api == "messages":
        from coder.models.anthropic_messages import MessageReader

        return MessageReader().take
    return Unfinished.take
