"""One exchange with an endpoint through the SDK: the request, and the pieces in which its answer comes."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coder.models.connection import UNREADABLE, broken, listen, read_body
from coder.models.endpoint import Api, Patience, sdk_of
from coder.models.model import ChatMessage, Form, Sampling
from coder.models.retries import Clock, Passing
from coder.models.sdk import load_sdk
from coder.models.stream import Unfinished
from coder.text.redact import RedactingStream

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

OnToken = Callable[[str], None]

MORE_TIME = "A model that reasons for longer needs more: --model-timeout SECONDS."
PATHS: dict[Api, str] = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}
USAGE_S = 5.0
"""Longest wait for the count of tokens behind an answer that is complete."""


@dataclass(slots=True)
class Call:
    """One question, and the answer as far as it has come."""

    messages: Sequence[ChatMessage]
    sampling: Sampling
    form: Form | None
    on_token: OnToken | None
    clock: Clock
    unfinished: Unfinished = field(default_factory=Unfinished)


async def streamed(
    call: Call,
    body: dict[str, Any],
    *,
    client: "AsyncOpenAI",
    headers: dict[str, str],
    api: Api,
    patience: Patience,
    shown: RedactingStream | None,
) -> Unfinished:
    """The answer to one request; its words go to `call.on_token` as they come, through `shown`.

    Raises:
        Passing: no sign of life came for too long, or what came is no answer, or not all of one.
        APIError: the SDK's; the request failed.
    """
    take = _reader(api)
    unfinished = call.unfinished
    wait_s = patience.headers_s

    def heard() -> None:
        """A sign of life; behind an answer's last word nothing but the count of tokens is waited for."""
        nonlocal wait_s
        call.clock.alive()
        if unfinished.finish is None:
            wait_s = patience.idle_s
            limit.reschedule(asyncio.get_running_loop().time() + wait_s)

    try:
        async with (
            asyncio.timeout(wait_s) as limit,
            await send(client, body, headers=headers, api=api) as stream,
            aclosing(received(stream, unfinished, api=api)) as chunks,
        ):
            listen(stream.response, heard)
            async for chunk in chunks:
                token = take(unfinished, chunk)
                if shown is not None:
                    token = shown.feed(token)
                if token and call.on_token is not None:
                    call.on_token(token)
                if unfinished.too_long:
                    break
                if unfinished.finish is not None:
                    limit.reschedule(asyncio.get_running_loop().time() + USAGE_S)
    except TimeoutError:
        # Anyone's TimeoutError but ours is a programming error; an answer that is complete stays one.
        if not limit.expired():
            raise
        if unfinished.finish is None:
            raise Passing(f"no sign of life for {wait_s:.3g} s", advice=MORE_TIME) from None
    unfinished.text()
    if shown is not None and call.on_token is not None and (token := shown.finish()):
        call.on_token(token)
    return unfinished


def _reader(api: Api) -> Callable[[Unfinished, object], str]:
    """What takes one event of a stream in, and returns the text that it adds."""
    if api == "responses":
        from coder.models.responses import take_event

        return take_event
    if api == "messages":
        from coder.models.anthropic_messages import MessageReader

        return MessageReader().take
    return Unfinished.take


async def send(
    client: "AsyncOpenAI", body: dict[str, Any], *, headers: dict[str, str], api: Api
) -> "AsyncStream[object]":
    """The stream of one request.

    Not by the SDK's typed methods: they walk through every message again, which for a conversation of a
    hundred takes ten times as long as all else here. What is sent is the same. Nor are objects made of what
    comes: nothing of its shape is certain.

    Raises:
        APIError: the SDK's; no stream came of it.
    """
    with broken(sdk_of(api)):
        stream: AsyncStream[object] = await client.post(
            PATHS[api],
            body=body,
            options={"headers": headers},
            cast_to=object,
            stream=True,
            stream_cls=load_sdk(sdk_of(api)).AsyncStream[object],
        )
    return stream


async def received(
    stream: "AsyncStream[object]", unfinished: Unfinished, *, api: Api
) -> AsyncGenerator[object, None]:
    """The stream's chunks; a whole answer in one JSON document counts as one chunk.

    Raises:
        Passing: what came can't be read: JSON cut in two, a page of a proxy, numbers and nests of any size.
        APIConnectionError: the SDK's; it broke off before the answer's last word.
    """
    sdk = sdk_of(api)
    try:
        if stream.response.headers.get("content-type", "").startswith("application/json"):
            body = await read_body(stream.response, sdk)
            with _readable(unfinished):
                yield _whole(json.loads(body), from_responses=api == "responses")
            return
        with broken(sdk), _readable(unfinished):
            async for chunk in stream:
                yield chunk
    except load_sdk(sdk).APIConnectionError:
        # Dropped behind the last word: the answer is complete, only its token count is missing.
        if unfinished.finish is None:
            raise


@contextmanager
def _readable(unfinished: Unfinished) -> Iterator[None]:
    """Behind an answer's last word, what can't be read does no harm."""
    try:
        yield
    except json.JSONDecodeError as error:
        reason = f"the answer is not valid JSON ({error})"
    except UNREADABLE:
        reason = "the answer can't be read: it is no document of an answer"
    else:
        return
    if unfinished.finish is None:
        raise Passing(reason)


def _whole(document: object, *, from_responses: bool) -> object:
    """An answer that was not streamed, as a chunk."""
    return {"type": "response.completed", "response": document} if from_responses else document
