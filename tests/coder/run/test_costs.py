"""What a run's calls used, folded from its events, and the words for it."""

import json
from decimal import Decimal

from coder.models.model import Sampling, Usage
from coder.people.cli.cost_table import cost_blocks, json_of
from coder.run.costs import costs_of
from coder.run.event_types import CallAnswered, CallIntended, CallRetried, CallSwitched, ModelCallFailed
from coder.show.tables import plain_lines
from tests.coder.states import call, events, started

FIRST = CallIntended(
    call=1, participant="planner", key="k", messages=(), sampling=Sampling(), reserved_tokens=9,
    reserved_usd=Decimal("0.25"),
)  # fmt: skip
ANSWER = CallAnswered(
    call=1, key="k", model="m", text="x", finish="stop", seconds=2.5, cost_usd=Decimal("0.10"),
    usage=Usage(input_tokens=1000, cached_tokens=600, output_tokens=50, reasoning_tokens=20),
)  # fmt: skip


def test_calls_are_summed_up_with_what_the_cache_gave() -> None:
    costs = costs_of(events([started(), FIRST, ANSWER, *call(2, cost="0.01", tokens=200)]))

    assert (costs.usage.input_tokens, costs.usage.reasoning_tokens) == (1200, 20)
    assert costs.cost_usd == Decimal("0.11")
    # 600 of 1,200.
    assert costs.hit_rate == 0.5


def test_a_cost_that_is_unknown_in_one_call_is_unknown_in_all() -> None:
    costs = costs_of(events([started(), FIRST, ANSWER, *call(2, cost=None)]))

    assert costs.cost_usd is None
    assert "unknown" in plain_lines(cost_blocks(costs))[-1]


def test_a_call_tells_its_retries_its_switches_and_how_it_ended() -> None:
    bodies = [
        started(),
        FIRST,
        CallRetried(call=1, attempt=1, wait_s=1, reason="x"),
        CallSwitched(call=1, model="a", next="b", reason="x"),
        ModelCallFailed(call=1, error="ModelUnavailable", message="x"),
        FIRST.model_copy(update={"call": 2}),
    ]

    _, first, second, last = plain_lines(cost_blocks(costs_of(events(bodies))))

    assert first.endswith("ModelUnavailable  1 retry  1 switch")
    assert second.endswith("no answer; $0.25 reserved")
    assert last.startswith("2 calls")


def test_what_was_only_estimated_is_said_so() -> None:
    estimated = ANSWER.model_copy(update={"usage": Usage(input_tokens=10, is_estimate=True)})

    costs = costs_of(events([started(), FIRST, estimated]))

    assert "about 10 tokens in" in plain_lines(cost_blocks(costs))[-1]


def test_json_has_numbers_and_null_for_what_is_not_known() -> None:
    document = json.loads(json_of(costs_of(events([started(), FIRST, ANSWER, *call(2, cost=None)]))))

    assert document["cost"] is None
    assert document["calls"][0]["cost_usd"] == 0.1
    assert document["calls"][0]["usage"]["cached_tokens"] == 600
