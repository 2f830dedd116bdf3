"""Answers that break off are paid for: they are counted, and held against the budget."""

from decimal import Decimal
from pathlib import Path

import pytest

from coder.base.errors import ModelUnavailable
from coder.base.usage import Price, Usage
from coder.models.answer_parts import Switch
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Patience
from coder.models.model import Sampling
from coder.models.recorded import Recorded
from coder.models.recorder import Recorder
from coder.models.wrapper import Router
from coder.people.cli.cost_table import cost_blocks
from coder.run.costs import costs_of
from coder.run.event_types import CallRetried, ModelCallFailed, parse
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show.tables import plain_lines
from tests.coder.models.asking import QUESTION, QUICK, Retries, ask, endpoint_of
from tests.faulty_endpoint import FaultyEndpoint, Reply, begins, chunk, error, faulty_endpoint, says, streams
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

PRICE = Price(input=Decimal(1), output=Decimal(2))
CODE = "```python\ndef add(a, b):\n    return a + b\n```\n"
TASK = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))


async def test_a_stream_that_broke_off_is_told_with_what_it_used_estimated() -> None:
    with faulty_endpoint(begins("12345678", ending="reset"), says("hello")) as server:
        retries = Retries()
        answer = await ask(server, retries=retries, price=PRICE)

    (retry,) = retries
    assert retry.lost is not None
    # "Say hello." are 10 characters, so 3 tokens at most; 8 were said.
    assert retry.lost.usage == Usage(input_tokens=3, output_tokens=2, is_estimate=True)
    assert retry.lost.cost_usd == Decimal("0.000007")
    assert answer.usage == Usage(input_tokens=7, output_tokens=1)


async def test_what_the_endpoint_had_counted_before_it_broke_off_is_not_estimated() -> None:
    counted = {**chunk({"content": "hel"}), "usage": {"prompt_tokens": 9, "completion_tokens": 1}}

    with faulty_endpoint(streams(counted, ending="reset"), says("hello")) as server:
        retries = Retries()
        await ask(server, retries=retries)

    assert retries[0].lost is not None
    assert retries[0].lost.usage == Usage(input_tokens=9, output_tokens=1)


@pytest.mark.parametrize("fault", [error(503, "busy"), begins(ending="reset")], ids=["503", "nothing said"])
async def test_a_fault_before_the_first_word_has_used_nothing(fault: Reply) -> None:
    with faulty_endpoint(fault, says("hello")) as server:
        retries = Retries()
        await ask(server, retries=retries)

    assert retries[0].lost is None


async def test_the_last_answer_that_broke_off_stands_in_the_error() -> None:
    broken = begins("12345678", ending="reset")

    with faulty_endpoint(broken) as server, pytest.raises(ModelUnavailable) as failed:
        await ask(server, patience=Patience(first_wait_s=0, attempts=2))

    assert failed.value.lost is not None
    assert failed.value.lost.usage.output_tokens == 2


async def test_an_answer_that_a_router_passes_over_is_told_with_its_cost() -> None:
    events = []

    async def tell(event: object) -> None:
        events.append(event)

    refusal = streams(chunk({"refusal": "No."}), chunk({}, finish="stop"), "[DONE]")
    with faulty_endpoint(refusal) as first, faulty_endpoint(says("hello")) as second:
        routes = [ChatModel(endpoint_of(server, price=PRICE)) for server in (first, second)]
        async with Router(routes) as router:
            answer = await router.answer(QUESTION, sampling=Sampling(), on_retry=tell)

    (switch,) = events
    assert isinstance(switch, Switch)
    assert switch.lost is not None
    assert switch.lost.cost_usd == Decimal("0.000005")
    assert answer.text == "hello"


async def test_a_run_counts_what_was_lost_in_its_tokens_its_cost_and_its_table() -> None:
    with faulty_endpoint(begins("x" * 400, ending="reset"), says(CODE)) as server:
        run, log = await _solved(server, Budget())

    costs = costs_of(await log.read(run.run_id))
    (call,) = costs.calls
    assert run.status == "solved"
    assert [lost.usage.output_tokens for lost in call.lost] == [100]
    assert run.tokens.output == call.usage.output_tokens + 100
    assert run.cost == float(costs.cost_usd or 0)
    assert costs.cost_usd is not None
    assert call.cost_usd is not None
    assert costs.cost_usd > call.cost_usd
    line, last = plain_lines(cost_blocks(costs))[1:]
    assert "lost on the way: about" in line
    assert "about" in last


async def test_a_budget_ends_the_retries_that_it_has_no_room_for() -> None:
    broken = begins("x" * 60_000, ending="reset")

    with faulty_endpoint(broken) as server:
        # One call reserves 4,096 tokens out and what it asks; 15,000 out are lost with the first try.
        run, log = await _solved(server, Budget(max_cost=Decimal("0.03")))

    events = [parse(event) for event in await log.read(run.run_id)]
    assert (run.status, run.limit, len(server.requests)) == ("limit", "cost", 1)
    assert [type(body) for body in events[2:4]] == [CallRetried, ModelCallFailed]
    assert run.cost is not None
    assert 0.03 <= run.cost < 0.04


async def test_a_price_that_was_given_is_that_of_lost_answers_too() -> None:
    with faulty_endpoint(begins("12345678", ending="reset"), says("hello")) as server:
        retries = Retries()
        price = Price(input=Decimal(1), output=Decimal(2))
        model = ChatModel(endpoint_of(server, price=price), patience=QUICK)
        await model.answer(QUESTION, sampling=Sampling(), on_retry=retries)
        await model.close()

    assert retries[0].lost is not None
    assert retries[0].lost.cost_usd == Decimal("0.000007")


async def test_a_price_that_is_given_for_a_replay_is_that_of_lost_answers_too(tmp_path: Path) -> None:
    path, retries = tmp_path / "run.jsonl", Retries()
    with faulty_endpoint(begins("12345678", ending="reset")) as server:
        patience = QUICK.model_copy(update={"attempts": 2})
        async with Recorder(ChatModel(endpoint_of(server), patience=patience), path) as model:
            with pytest.raises(ModelUnavailable):
                await model.answer(QUESTION, sampling=Sampling())

    with pytest.raises(ModelUnavailable) as failed:
        await Recorded(path, price=PRICE).answer(QUESTION, sampling=Sampling(), on_retry=retries)

    lost = [retries[0].lost, failed.value.lost]
    assert [used and used.cost_usd for used in lost] == [Decimal("0.000007")] * 2


async def _solved(server: FaultyEndpoint, budget: Budget) -> tuple[Run, MemoryLog]:
    log = MemoryLog()
    async with ChatModel(endpoint_of(server, price=PRICE), patience=QUICK) as model:
        return await solve(TASK, model=model, settings=Settings(plan=False, budget=budget), log=log), log


async def test_a_run_that_its_budget_ended_in_a_retry_is_replayed_to_the_same_end(tmp_path: Path) -> None:
    path, settings = tmp_path / "run.jsonl", Settings(plan=False, budget=Budget(max_cost=Decimal("0.03")))
    histories = []

    with faulty_endpoint(begins("x" * 60_000, ending="reset")) as server:
        model = Recorder(ChatModel(endpoint_of(server, price=PRICE), patience=QUICK), path)
        async with model:
            runs = [await solve(TASK, model=model, settings=settings, log=(first := MemoryLog()))]
    runs.append(await solve(TASK, model=Recorded(path), settings=settings, log=(second := MemoryLog())))

    for log, run in zip((first, second), runs, strict=True):
        histories.append([(event.type, event.body) for event in (await log.read(run.run_id))[1:]])
    assert runs[1].status == "limit"
    assert histories[0] == histories[1]
