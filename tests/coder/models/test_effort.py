"""`effort`: how much a model reasons, in each interface's own words."""

import pytest

from coder.models.model import Sampling
from tests.coder.models.asking import ask
from tests.faulty_endpoint import error, faulty_endpoint, says, streams

HIGH = Sampling(effort="high")
ANSWERED = streams(
    {
        "type": "response.completed",
        "response": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "hello"}]}]},
    }
)


async def test_effort_is_a_field_of_each_interface() -> None:
    with faulty_endpoint(says("hello"), ANSWERED) as server:
        await ask(server, sampling=HIGH)
        await ask(server, sampling=HIGH, api="responses")

    chat, responses = (request.body for request in server.requests)
    assert chat["reasoning_effort"] == "high"
    assert responses["reasoning"] == {"effort": "high"}


@pytest.mark.parametrize(("api", "field"), [("chat", "reasoning_effort"), ("responses", "reasoning")])
async def test_a_model_that_refuses_effort_is_asked_without(api: str, field: str) -> None:
    refusal = error(400, "Unsupported parameter: 'reasoning.effort', reasoning_effort")

    with faulty_endpoint(refusal, says("hello") if api == "chat" else ANSWERED) as server:
        await ask(server, sampling=HIGH, api=api)

    assert [field in request.body for request in server.requests] == [True, False]


async def test_a_model_without_reasoning_is_told_of_no_effort() -> None:
    with faulty_endpoint(says("hello"), ANSWERED) as server:
        await ask(server, sampling=HIGH, reasons=False)
        await ask(server, sampling=HIGH, reasons=False, api="responses")

    assert not any({"reasoning", "reasoning_effort"} & request.body.keys() for request in server.requests)


def test_requests_without_effort_are_known_as_before() -> None:
    assert "effort" not in Sampling().model_dump()
