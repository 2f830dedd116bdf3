"""Pictures that tools give, as each API takes them."""

from typing import Any

import pytest

from coder.models.answer_parts import Image
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Api
from coder.models.model import ChatMessage, Sampling, ToolCall
from tests.coder.models.asking import QUESTION, QUICK, endpoint_of
from tests.coder.models.test_chat_forms import responds
from tests.faulty_endpoint import Reply, faulty_endpoint, message, says

PICTURE, OTHER = (Image(media_type="image/png", base64=text) for text in ("aGk=", "aG8="))
CALLS = tuple(ToolCall(id=id, name="python", arguments="{}") for id in "abc")
TALK = (
    *QUESTION,
    ChatMessage(role="assistant", content="", tool_calls=CALLS),
    ChatMessage(role="tool", content="one", images=(PICTURE,), tool_call_id="a"),
    ChatMessage(role="tool", content="none", tool_call_id="b"),
    ChatMessage(role="tool", content="two", images=(OTHER,), tool_call_id="c"),
    ChatMessage(role="user", content="Go on."),
)
WORDS = "The pictures of the results above, in their order:"
HELLO = {"type": "text", "text": "hello"}


async def sent(api: Api, reply: Reply, *, sees: bool | None = True) -> dict[str, Any]:
    """The document of the request."""
    with faulty_endpoint(reply) as server:
        async with ChatModel(endpoint_of(server, api=api, sees=sees), patience=QUICK) as model:
            await model.answer(TALK, sampling=Sampling())
    return server.requests[0].body


async def test_chat_completions_take_them_in_a_message_behind_all_results() -> None:
    talk = (await sent("chat", says("hello")))["messages"]

    assert [one["role"] for one in talk] == ["user", "assistant", "tool", "tool", "tool", "user", "user"]
    assert [one["content"] for one in talk[2:5]] == ["one", "none", "two"]
    urls = [{"url": f"data:image/png;base64,{one.base64}"} for one in (PICTURE, OTHER)]
    assert talk[5]["content"] == [
        {"type": "text", "text": WORDS},
        *({"type": "image_url", "image_url": url} for url in urls),
    ]
    assert talk[6]["content"] == "Go on."


async def test_the_responses_api_takes_them_in_a_message_behind_all_results() -> None:
    items = (await sent("responses", responds("hello")))["input"]

    outputs = [item.get("output") for item in items if item.get("type") == "function_call_output"]
    assert outputs == ["one", "none", "two"]
    urls = [f"data:image/png;base64,{one.base64}" for one in (PICTURE, OTHER)]
    assert items[-2]["content"] == [
        {"type": "input_text", "text": WORDS},
        *({"type": "input_image", "detail": "auto", "image_url": url} for url in urls),
    ]


async def test_anthropic_takes_them_within_the_result() -> None:
    talk = (await sent("messages", message(HELLO)))["messages"]

    results = [part for part in talk[-1]["content"] if part["type"] == "tool_result"]
    source = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    assert results[0]["content"] == [{"type": "text", "text": "one"}, {"type": "image", "source": source}]
    assert results[1]["content"] == [{"type": "text", "text": "none"}]


@pytest.mark.parametrize("sees", [False, None])
async def test_a_fallback_that_is_not_known_to_see_gets_the_words_alone(sees: bool | None) -> None:
    talk = (await sent("chat", says("hello"), sees=sees))["messages"]

    assert [one["content"] for one in talk[2:]] == ["one", "none", "two", "Go on."]
