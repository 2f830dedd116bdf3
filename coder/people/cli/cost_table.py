"""The table of `coder show --cost`: a row for each call, and a line for all. Functions of data."""

import json
from decimal import Decimal

from coder.base.text.sanitize import count_of, one_line
from coder.models.model import Usage
from coder.run.costs import CallCost, Costs
from coder.show.tables import Block, Column, TextTable


def cost_blocks(costs: Costs) -> list[Block]:
    """Return a table with a row for each call, then a line with the totals."""
    usage, rate = costs.usage, costs.hit_rate
    cached = "" if rate is None else f"  {rate:.0%} of the input came from caches"
    calls = count_of(len(costs.calls), "call")
    names = tuple(column.name for column in _COLUMNS)
    rows = [_cells(call) for call in costs.calls]
    table = TextTable(_COLUMNS, rows, plain=[_LINE.format(*row).rstrip() for row in (names, *rows)])
    return [table, f"{calls}  {_tokens(usage)}  {_usd(costs.cost_usd)}{cached}"]


_COLUMNS = (
    Column("call", is_number=True),
    Column("who"),
    *(Column(name, is_number=True) for name in ("in", "cached", "out", "reasoned", "cost", "time")),
    Column("model", wraps=True),
)
_LINE = "{:>4}  {:<11}{:>9}{:>9}{:>9}{:>9}{:>11}{:>8}  {}"


def json_of(costs: Costs) -> str:
    """Return one JSON document: amounts are numbers, or null if unknown."""
    document = {
        "calls": [_numbers(call) for call in costs.calls],
        **costs.usage.model_dump(),
        "cost": _number(costs.cost_usd),
        "hit_rate": costs.hit_rate,
    }
    return json.dumps(document, indent=2)


def _cells(call: CallCost) -> tuple[str, ...]:
    usage = call.usage
    counts = (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens)
    cost = _usd(call.cost_usd) if call.ended == "answered" else "-"
    notes = [one_line(call.model or "", width=40)]
    notes += [f"{call.ended}"] if call.ended not in ("answered", "open") else []
    notes += [f"no answer; {_usd(call.reserved_usd)} reserved"] if call.ended == "open" else []
    notes += ["1 retry" if call.retries == 1 else f"{call.retries} retries"] if call.retries else []
    notes += ["1 switch" if call.switches == 1 else f"{call.switches} switches"] if call.switches else []
    notes += [f"lost on the way: {_tokens(lost.usage)}, {_usd(lost.cost_usd)}" for lost in call.lost]
    numbers = (f"{count:,}" for count in counts)
    note_text = "  ".join(filter(None, notes))
    return (str(call.call), one_line(call.participant), *numbers, cost, f"{call.seconds:.1f}s", note_text)


def _tokens(usage: Usage) -> str:
    prefix = "about " if usage.is_estimate else ""
    return f"{prefix}{count_of(usage.input_tokens, 'token')} in, {usage.output_tokens:,} out"


def _usd(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"${cost:.6f}".rstrip("0").rstrip(".") if cost else "$0"


def _number(cost: Decimal | None) -> float | None:
    return float(cost) if cost is not None else None


def _numbers(call: CallCost) -> dict[str, object]:
    dollars = {"cost_usd": _number(call.cost_usd), "reserved_usd": _number(call.reserved_usd)}
    lost = [
        {**lost_call.usage.model_dump(), "cost_usd": _number(lost_call.cost_usd)} for lost_call in call.lost
    ]
    return {**call.model_dump(mode="json"), **dollars, "lost": lost}
