"""Refusals of requests with tools: which pass, which take the tools away, and for which models."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from coder.base.errors import ModelError, ModelRefused, ToolsRefused
from coder.models.chat_completions import ChatModel
from coder.models.model import Answer, Form, Sampling, ToolSpec
from tests.coder.models.asking import QUESTION, QUICK, Retries, endpoint_of
from tests.faulty_endpoint import (
    FaultyEndpoint,
    Reply,
    calls,
    error,
    faulty_endpoint,
    message,
    named_events,
    status,
    streams,
    tool_call,
    whole,
)

LOOK = Form(tools=(ToolSpec(name="look", description="Look.", parameters={"type": "object"}),))
NO_TOOLS = {
    "llama.cpp": error(500, "tools param requires --jinja flag"),
    "Ollama": error(400, "registry.ollama.ai/library/toy does not support tools"),
    "OpenRouter": error(404, "No endpoints found that support tool use."),
    "not implemented": error(501, "no"),
    "a parameter": error(400, "unknown field", param="tools"),
    "a part of a parameter": error(400, "bad value", param="tools[0].function"),
    "upstream": error(400, "Provider returned error", metadata={"raw": "tools: not supported"}),
}
BROKEN_CALLS = {
    "Groq": error(400, "Failed to call a function. Please adjust your prompt.", code="tool_use_failed"),
    "llama.cpp": error(500, "Failed to parse tool call arguments as JSON: unexpected end of input"),
    "Ollama": error(500, "error parsing tool call: raw='{', err=unexpected end of JSON input"),
    "OpenRouter": error(400, "Provider returned error", metadata={"raw": "upstream error"}),
    "OpenRouter's routes": error(404, "No endpoints found that support tool use."),
    "in the stream": streams({"error": {"message": "Failed to call a function", "code": "tool_use_failed"}}),
}
APIS = ("chat", "responses", "messages")


async def ask_with_tools(
    server: FaultyEndpoint,
    *,
    times: int = 1,
    callers: Sequence[str] = (),
    retries: Retries | None = None,
    **changes: object,
) -> Answer:
    """Return the last of several answers of one model to a request with a tool."""
    async with ChatModel(endpoint_of(server, **changes), patience=QUICK) as model:
        for _ in range(times):
            answer = await model.answer(
                QUESTION, sampling=Sampling(), form=LOOK, callers=callers, on_retry=retries
            )
            callers = (*callers, answer.endpoint)
        return answer


def looks(api: str, *, is_whole: bool = False) -> Reply:
    """Return an answer of each API that calls the tool."""
    arguments = {"at": "x"}
    if api == "messages":
        use = {"type": "tool_use", "id": "t1", "name": "look", "input": arguments}
        document = {"type": "message", "role": "assistant", "model": "toy", "content": [use]}
        return whole(document) if is_whole else message(use, stop="tool_use")
    if api == "responses":
        item = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": json.dumps(arguments)}
        response: dict[str, Any] = {"model": "toy", "output": [item]}
        completed = {"type": "response.completed", "response": response}
        return whole(response) if is_whole else streams(completed)
    choice = {"message": {"role": "assistant", "content": None, "tool_calls": [tool_call("look", at="x")]}}
    return whole({"model": "toy", "choices": [choice]}) if is_whole else calls("look", at="x")


@pytest.mark.parametrize("fault", NO_TOOLS.values(), ids=NO_TOOLS.keys())
@pytest.mark.parametrize("api", APIS)
async def test_an_endpoint_that_says_twice_that_it_takes_no_tools_is_believed(fault: Reply, api: str) -> None:
    with faulty_endpoint(fault) as server, pytest.raises(ToolsRefused, match="takes no tools"):
        await ask_with_tools(server, api=api)

    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", BROKEN_CALLS.values(), ids=BROKEN_CALLS.keys())
@pytest.mark.parametrize("before", [0, 1], ids=["first", "later"])
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("is_whole", [False, True], ids=["streamed", "whole"])
async def test_one_broken_call_is_asked_for_again_with_tools(
    fault: Reply, before: int, api: str, is_whole: bool
) -> None:
    retries, look = Retries(), looks(api, is_whole=is_whole)

    with faulty_endpoint(*[look] * before, fault, look) as server:
        answer = await ask_with_tools(server, times=before + 1, retries=retries, api=api)

    assert [(call.name, call.parsed()) for call in answer.tool_calls] == [("look", {"at": "x"})]
    assert len(retries) == 1
    assert all("tools" in request.body for request in server.requests)


@pytest.mark.parametrize(
    ("fault", "api"),
    [
        (streams({"type": "response.failed", "response": {"error": {"message": "no"}}}), "responses"),
        (named_events({"type": "error", "error": {"type": "api_error", "message": "no"}}), "messages"),
        (status(400, {"type": "error", "error": {"type": "invalid_request_error"}}), "messages"),
    ],
)
async def test_a_refusal_in_the_words_of_its_api_is_asked_for_again(fault: Reply, api: str) -> None:
    with faulty_endpoint(looks(api), fault, looks(api)) as server:
        answer = await ask_with_tools(server, times=2, api=api)

    assert [call.name for call in answer.tool_calls] == ["look"]


@pytest.mark.parametrize(
    "fault",
    [*NO_TOOLS.values(), *BROKEN_CALLS.values()],
    ids=[*NO_TOOLS, *(f"broken {name}" for name in BROKEN_CALLS)],
)
@pytest.mark.parametrize("api", APIS)
async def test_a_model_that_has_called_a_tool_in_the_run_is_never_said_to_take_none(
    fault: Reply, api: str
) -> None:
    with faulty_endpoint(fault) as server, pytest.raises(ModelError) as caught:
        await ask_with_tools(server, callers=("toy", "toy/toy"), api=api)

    assert not isinstance(caught.value, ToolsRefused)
    assert len(server.requests) in (3, 5)  # a refusal is repeated twice, a fault of the server four times


async def test_what_another_run_has_called_says_nothing_about_this_one() -> None:
    with faulty_endpoint(looks("chat"), NO_TOOLS["Ollama"]) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            called = await model.answer(QUESTION, sampling=Sampling(), form=LOOK)
            with pytest.raises(ToolsRefused):
                await model.answer(QUESTION, sampling=Sampling(), form=LOOK, callers=("other/toy",))

    assert called.endpoint == "toy/toy"


async def test_a_parameter_decides_whatever_the_words_say() -> None:
    words = "messages with role 'tool' must answer a message with 'tool_calls'"

    refusal = error(400, words, param="messages[3].role")
    with faulty_endpoint(refusal) as server, pytest.raises(ModelRefused) as caught:
        await ask_with_tools(server)

    assert not isinstance(caught.value, ToolsRefused)


async def test_an_unlucky_server_fault_between_leaves_the_tools() -> None:
    faults = (error(503, "loading"), error(500, "Failed to parse tool call"))

    with faulty_endpoint(*faults, calls("look")) as server:
        answer = await ask_with_tools(server)

    assert [call.name for call in answer.tool_calls] == ["look"]
