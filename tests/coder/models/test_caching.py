"""Prompt caches: stable beginnings, what endpoints are told of them, and what they say they had."""

import json
from decimal import Decimal

import pytest
from pydantic import SecretStr

from coder.base.usage import Price, Usage
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint
from coder.models.model import ChatMessage, Form, Sampling, ToolCall, ToolSpec
from coder.models.providers import built_in, cost
from coder.models.request_quirks import cache_key
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.models.asking import QUICK, ask, endpoint_of
from tests.faulty_endpoint import chunk, error, faulty_endpoint, says, streams
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

WRONG = "```python\ndef add(a, b):\n    return a - b - {}\n```\n"
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```\n"
TALK = (
    ChatMessage(role="system", content="Be brief."),
    ChatMessage(role="user", content="The task."),
    ChatMessage(role="assistant", content="", tool_calls=(ToolCall(id="c", name="look", arguments="{}"),)),
    ChatMessage(role="tool", content="seen", tool_call_id="c"),
)
LOOK = ToolSpec(name="look", description="Look.", parameters={"type": "object", "properties": {}})


@pytest.mark.slow
async def test_every_request_of_a_run_begins_with_the_same_bytes() -> None:
    answers = [says(WRONG.format(1)), says(WRONG.format(2)), says(WRONG.format(3)), says(RIGHT)]
    task = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))
    settings = Settings(plan=False).model_copy(
        update={"budget": Settings().budget.model_copy(update={"repairs": 1})}
    )

    with faulty_endpoint(*answers) as server:
        async with ChatModel(endpoint_of(server, caching="key"), patience=QUICK) as model:
            run = await solve(task, model=model, settings=settings, log=MemoryLog())

    bodies = [request.body for request in server.requests]
    texts = [json.dumps(body["messages"])[:-1] for body in bodies]
    assert run.status == "solved"
    # Attempt, repair, fresh start, repair: each repair goes on where the attempt ended.
    assert [len(body["messages"]) for body in bodies] == [2, 4, 2, 4]
    assert all(text.startswith(texts[0]) for text in texts)
    assert len({body["prompt_cache_key"] for body in bodies}) == 1


async def test_the_key_of_a_cache_goes_where_its_endpoint_documents_it() -> None:
    with faulty_endpoint() as server:
        await ask(server, caching="key")
        await ask(server, caching="conversation")
        await ask(server)

    keyed, conversation, plain = server.requests
    assert keyed.body["prompt_cache_key"] == conversation.headers["x-grok-conv-id"]
    assert "prompt_cache_key" not in conversation.body | plain.body
    assert "x-grok-conv-id" not in keyed.headers | plain.headers
    assert {row.name: row.caching for row in built_in() if row.caching != "prefix"} == {
        "openai": "key", "azure": "key", "mistral": "key", "xai": "conversation", "openrouter": "marks",
    }  # fmt: skip


async def test_a_key_that_an_endpoint_refuses_is_left_out() -> None:
    with faulty_endpoint(error(400, "Unknown parameter: prompt_cache_key"), says("hello")) as server:
        answer = await ask(server, caching="key")

    assert answer.text == "hello"
    assert "prompt_cache_key" not in server.requests[1].body


@pytest.mark.parametrize(("model", "places"), [("anthropic/claude-sonnet-4.6", [1, 3]), ("openai/gpt-5", [])])
async def test_anthropics_models_are_told_behind_which_message_to_cache(
    model: str, places: list[int]
) -> None:
    with faulty_endpoint() as server:
        async with ChatModel(endpoint_of(server, caching="marks", model=model)) as chat:
            await chat.answer(TALK, sampling=Sampling(), form=Form(tools=(LOOK,)))

    messages = server.requests[0].body["messages"]
    assert [at for at, message in enumerate(messages) if "cache_control" in json.dumps(message)] == places
    assert "The task." in json.dumps(messages[1])


def test_the_key_of_a_cache_depends_on_the_beginning_alone() -> None:
    other = (TALK[0], ChatMessage(role="user", content="Another task."))

    assert cache_key(TALK) == cache_key(TALK[:2])
    assert cache_key(TALK) != cache_key(other)
    assert "task" not in cache_key(TALK)


@pytest.mark.parametrize(
    "said",
    [
        {"prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}},
        {"prompt_cache_hit_tokens": 60, "cache_creation_input_tokens": 30},
        {"cached_tokens": 60, "prompt_tokens_details": {"cache_creation_input_tokens": 30}},
        {"cache_read_input_tokens": 60, "cache_creation_input_tokens": 30},
    ],
    ids=["OpenAI and OpenRouter", "DeepSeek", "Moonshot", "Anthropic's names"],
)
async def test_what_came_from_a_cache_is_read_in_each_dialect(said: dict[str, object]) -> None:
    counted = {"prompt_tokens": 100, "completion_tokens": 5, **said}
    stream = streams(
        chunk({"content": "hi"}, finish="stop"), {**chunk({}), "choices": [], "usage": counted}, "[DONE]"
    )

    with faulty_endpoint(stream) as server:
        answer = await ask(server, price=Price(input=Decimal(10), output=Decimal(0), cached=Decimal(1)))

    assert (answer.usage.cached_tokens, answer.usage.cache_write_tokens) == (60, 30)
    # 40 x $10 + 60 x $1 a million.
    assert answer.cost_usd == Decimal("0.00046")


def test_what_goes_into_a_cache_is_reserved_and_paid_at_its_own_price() -> None:
    endpoint = Endpoint(
        name="openrouter/anthropic/claude-sonnet-4.5",
        model="anthropic/claude-sonnet-4.5",
        url=SecretStr("https://openrouter.ai/api/v1"),
        caching="marks",
    )

    plain = cost(endpoint, Usage(input_tokens=1000))
    written = cost(endpoint, Usage(input_tokens=1000, cache_write_tokens=1000))

    assert plain is not None
    # Anthropic charges a quarter more for what it writes into its five-minute cache.
    assert written == plain * Decimal("1.25")
    assert ChatModel(endpoint).price(1000, 0) == written
