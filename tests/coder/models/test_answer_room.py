"""How long an answer may be: the model's own limit, the context, a budget, the endpoint."""

from decimal import Decimal
from pathlib import Path

import pytest

from coder.base.errors import ContextTooLong
from coder.models.abilities import affordable_tokens, request_limit
from coder.models.model import Sampling
from coder.models.recorded import Recorded
from coder.models.recorder import Recorder
from coder.models.scripted import Scripted
from tests.coder.models.asking import QUESTION, ask
from tests.faulty_endpoint import error, faulty_endpoint, says

TOO_LARGE = "max_tokens: 100,000 > 64,000, the maximum of claude-sonnet-4-5-20250929"
TOO_LARGE_FOR_CONTEXT = "'max_tokens' is too large: {}. This model's maximum context length is 32768 tokens"

BOTH_TOO_LONG = (
    "This model's maximum context length is 32768 tokens. However, you requested 99272 tokens (200 in the "
    "messages, 99072 in the completion). Please reduce the length of the messages or completion."
)


async def test_where_no_limit_is_known_the_endpoints_own_holds() -> None:
    with faulty_endpoint(says("hi")) as server:
        await ask(server)

    assert "max_tokens" not in server.requests[0].body


async def test_the_models_own_limit_is_asked_for_within_what_its_context_leaves() -> None:
    with faulty_endpoint(says("hi")) as server:
        await ask(server, max_output=8_000, context=200_000)
        await ask(server, max_output=8_000, context=8_000)
        await ask(server, max_output=8_000, sampling=Sampling(max_tokens=500))

    first, second, third = (request.body["max_tokens"] for request in server.requests)
    assert (first, third) == (8_000, 500)
    assert 7_800 < second < 8_000


async def test_a_small_model_keeps_to_a_short_answer() -> None:
    with faulty_endpoint(says("hi")) as server:
        await ask(server, model="qwen2.5-coder:0.5b")
        await ask(server, model="qwen3-coder:30b")

    assert server.requests[0].body["max_tokens"] == 4096
    assert "max_tokens" not in server.requests[1].body


def test_a_prompt_that_may_fill_the_context_leaves_some_room_to_be_asked_for() -> None:
    assert request_limit(Sampling(), own=4096, context=8_000, tokens_in=9_000) == 1024


async def test_a_limit_that_is_too_large_is_asked_for_as_the_endpoint_says() -> None:
    with faulty_endpoint(error(400, TOO_LARGE), says("hi")) as server:
        answer = await ask(server, sampling=Sampling(max_tokens=100_000))

    assert answer.text == "hi"
    assert [request.body["max_tokens"] for request in server.requests] == [100_000, 64_000]


async def test_a_limit_that_is_refused_twice_is_left_out() -> None:
    refusals = [error(400, TOO_LARGE_FOR_CONTEXT.format(sent)) for sent in (100_000, 32_768)]

    with faulty_endpoint(*refusals, says("hi")) as server:
        answer = await ask(server, sampling=Sampling(max_tokens=100_000))

    assert answer.text == "hi"
    assert [request.body.get("max_tokens") for request in server.requests[:2]] == [100_000, 32_768]
    assert "max_tokens" not in server.requests[2].body


async def test_a_limit_that_no_context_has_room_for_leaves_the_prompt_its_place() -> None:
    with faulty_endpoint(error(400, BOTH_TOO_LONG), says("hi")) as server:
        answer = await ask(server, sampling=Sampling(max_tokens=99_072))

    assert answer.text == "hi"
    first, second = (request.body["max_tokens"] for request in server.requests)
    assert first == 99_072
    assert 32_000 < second < 32_768


async def test_a_conversation_that_is_too_long_is_told_so_whatever_its_answer_may_have() -> None:
    with faulty_endpoint(error(400, BOTH_TOO_LONG)) as server:
        with pytest.raises(ContextTooLong):
            await ask(server, sampling=Sampling(max_tokens=99_072))
        with pytest.raises(ContextTooLong):
            await ask(server)

    assert len(server.requests) == 3


async def test_what_a_budget_leaves_is_sent_and_is_no_part_of_what_a_request_is_known_by(
    tmp_path: Path,
) -> None:
    path = tmp_path / "calls.jsonl"

    async with Recorder(Scripted(["hi"]), path) as model:
        await model.answer(QUESTION, sampling=Sampling(room=700))
    again = await Recorded(path).answer(QUESTION, sampling=Sampling(room=300))

    assert again.text == "hi"
    assert "room" not in path.read_text()


@pytest.mark.parametrize(("usd", "tokens"), [("1", 1_000), ("0.01", 900), ("0", 0), ("-3", 0)])
def test_what_can_be_paid_for_is_counted_behind_the_prompt(usd: str, tokens: int) -> None:
    def price(into: int, out: int) -> Decimal:
        return Decimal(into + 100 * out) / 9_000_000

    assert affordable_tokens(price, 500, 1_000, Decimal(usd)) == tokens
