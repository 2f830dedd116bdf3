"""The words of `coder show --cost`: a line for each call, and one for all. Functions of data."""

import json
from collections.abc import Iterator
from decimal import Decimal

from coder.models.model import Usage
from coder.run.costs import CallCost, Costs
from coder.text.sanitize import count_of, one_line


def cost_lines(costs: Costs) -> Iterator[str]:
    """A table with a line for each call, then what they make together."""
    counted = "".join(f"{name:>9}" for name in ("in", "cached", "out", "reasoned"))
    yield f"{'call':>4}  {'who':<11}{counted}{'cost':>11}{'time':>8}  model"
    for call in costs.calls:
        yield _line(call)
    usage, rate = costs.usage, costs.hit_rate
    cached = "" if rate is None else f"  {rate:.0%} of the input came from caches"
    calls = count_of(len(costs.calls), "call")
    yield f"{calls}  {_tokens(usage)}  {_usd(costs.cost_usd)}{cached}"


def json_of(costs: Costs) -> str:
    """One JSON document: dollars are numbers, null where they aren't known."""
    document = {
        "calls": [_numbers(call) for call in costs.calls],
        **costs.usage.model_dump(),
        "cost": _number(costs.cost_usd),
        "hit_rate": costs.hit_rate,
    }
    return json.dumps(document, indent=2)


def _line(call: CallCost) -> str:
    usage = call.usage
    counts = (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens)
    cost = _usd(call.cost_usd) if call.ended == "answered" else "-"
    notes = [one_line(call.model or "", width=40)]
    notes += [f"{call.ended}"] if call.ended not in ("answered", "open") else []
    notes += [f"no answer; {_usd(call.reserved_usd)} reserved"] if call.ended == "open" else []
    notes += ["1 retry" if call.retries == 1 else f"{call.retries} retries"] if call.retries else []
    notes += ["1 switch" if call.switches == 1 else f"{call.switches} switches"] if call.switches else []
    notes += [f"lost on the way: {_tokens(lost.usage)}, {_usd(lost.cost_usd)}" for lost in call.lost]
    numbers = "".join(f"{count:>9,}" for count in counts)
    start = f"{call.call:>4}  {call.participant:<11}{numbers}{cost:>11}{call.seconds:>7.1f}s"
    return "  ".join([start, *filter(None, notes)])


def _tokens(usage: Usage) -> str:
    about = "about " if usage.is_estimate else ""
    return f"{about}{count_of(usage.input_tokens, 'token')} in, {usage.output_tokens:,} out"


def _usd(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"${cost:.6f}".rstrip("0").rstrip(".") if cost else "$0"


def _number(cost: Decimal | None) -> float | None:
    return float(cost) if cost is not None else None


def _numbers(call: CallCost) -> dict[str, object]:
    dollars = {"cost_usd": _number(call.cost_usd), "reserved_usd": _number(call.reserved_usd)}
    lost = [{**one.usage.model_dump(), "cost_usd": _number(one.cost_usd)} for one in call.lost]
    return {**call.model_dump(mode="json"), **dollars, "lost": lost}
