"""Compute from the log what a model's answer to a sample took, also of one that was cut."""

from collections.abc import Sequence

from benchmarks.report import SampleUsage
from benchmarks.runner.runlog import BenchCut, RunLog
from coder.run.costs import CallCost, costs_of
from coder.run.event_types import CallAnswered
from coder.run.events import Event, EventStore
from coder.show.run_transcript import read_events


def usage_of(case: str, sample: int, events: Sequence[Event]) -> SampleUsage | None:
    """Return the usage of a run and its attempts; None without an answer. Refused calls don't count."""
    costs = costs_of(events)
    answered = [call for call in costs.calls if call.ended == "answered"]
    if not answered and not costs.usage.input_tokens:
        return None
    return SampleUsage(
        id=case,
        sample=sample,
        calls=len(answered),
        input_tokens=costs.usage.input_tokens,
        output_tokens=costs.usage.output_tokens,
        cost_usd=float(costs.cost_usd) if costs.cost_usd is not None else None,
        call_s=sum(call.seconds for call in answered),
        refusals=sum(
            event.type == CallAnswered.type and event.body.get("finish") == "refusal" for event in events
        ),
        served=tuple(dict.fromkeys(f"{call.model} {call.fingerprint}".strip() for call in answered)),
    )


async def count_cut_samples(record: RunLog, log: EventStore) -> list[CallCost]:
    """Log the usage of samples that an interrupt or a kill cut, and that are begun anew.

    Returns:
        Their calls without an answer. What an endpoint takes for them isn't known.
    """
    unanswered = list[CallCost]()
    for (case, sample), runs in [*record.begun.items()]:
        for run_id in runs:
            events = await read_events(log, run_id)
            usage = usage_of(case, sample, events)
            unanswered += [call for call in costs_of(events).calls if call.ended == "open"]
            await record.cut(BenchCut(id=case, sample=sample, usage=usage))
    return unanswered
