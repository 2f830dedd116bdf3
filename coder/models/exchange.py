"""One exchange with an endpoint through the SDK: the request, and the pieces in which its answer comes."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from coder.models.connection import UNREADABLE, broken, read_body
from coder.models.retries import Passing
from coder.models.stream import Unfinished

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream


async def send(
    client: "AsyncOpenAI", body: dict[str, Any], *, headers: dict[str, str], to_responses: bool
) -> "AsyncStream[object]":
    """The stream of one request.

    Not by the SDK's typed methods: they walk through every message again, which for a conversation of a
    hundred takes ten times as long as all else here. What is sent is the same. Nor are objects made of what
    comes: nothing of its shape is certain.

    Args:
        to_responses: to the Responses API, not to chat completions.

    Raises:
        openai.OpenAIError: no stream came of it.
    """
    from openai import AsyncStream

    with broken():
        return await client.post(
            "/responses" if to_responses else "/chat/completions",
            body=body,
            options={"headers": headers},
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )


async def received(
    stream: "AsyncStream[object]", unfinished: Unfinished, *, from_responses: bool
) -> AsyncGenerator[object, None]:
    """The stream's chunks; a whole answer in one JSON document counts as one chunk.

    Raises:
        Passing: what came can't be read: JSON cut in two, a page of a proxy, numbers and nests of any size.
        openai.APIConnectionError: it broke off before the answer's last word.
    """
    from openai import APIConnectionError

    try:
        if stream.response.headers.get("content-type", "").startswith("application/json"):
            body = await read_body(stream.response)
            with _readable(unfinished):
                yield _whole(json.loads(body), from_responses=from_responses)
            return
        with _readable(unfinished):
            async for chunk in stream:
                yield chunk
    except APIConnectionError:
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
