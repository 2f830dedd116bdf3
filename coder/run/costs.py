"""Compute usage and cost of a run's model calls from its events."""

from collections.abc import Iterable
from decimal import Decimal

from pydantic import BaseModel

from coder.models.model import Usage, Used
from coder.run import event_types
from coder.run.events import Event


class CallCost(BaseModel, frozen=True):
    """Usage and cost of one call."""

    call: int
    participant: str
    model: str | None = None
    """The endpoint's name of the model; None without an answer."""
    fingerprint: str = ""
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    """None without an answer or a known price."""
    reserved_usd: Decimal | None = None
    seconds: float = 0.0
    lost: tuple[Used, ...] = ()
    """Answers that were incomplete or not used, in order."""
    retries: int = 0
    switches: int = 0
    ended: str = "open"
    """`answered`, the name of an error, or `open`, in which case the reservation counts as spent."""


class Costs(BaseModel, frozen=True):
    """Usage and cost of all calls of a run."""

    calls: tuple[CallCost, ...] = ()

    @property
    def usage(self) -> Usage:
        """Tokens of all answers, including incomplete ones."""
        used = [usage for call in self.calls for usage in (call.usage, *(lost.usage for lost in call.lost))]
        return sum(used, Usage())

    @property
    def cost_usd(self) -> Decimal | None:
        """Cost of all answers; None if a price is unknown."""
        costs = [call.cost_usd for call in self.calls if call.ended == "answered"]
        costs += [lost.cost_usd for call in self.calls for lost in call.lost]
        amounts = [cost for cost in costs if cost is not None]
        return sum(amounts, Decimal(0)) if len(amounts) == len(costs) else None

    @property
    def hit_rate(self) -> float | None:
        """Share of the input that endpoints read from their caches, 0 to 1; None without input."""
        usage = self.usage
        return usage.cached_tokens / usage.input_tokens if usage.input_tokens else None


def costs_of(events: Iterable[Event]) -> Costs:
    """Return the costs of the calls of a run and its attempts; unreadable events are skipped."""
    calls: dict[tuple[str, int], CallCost] = {}
    for event in events:
        run = event.run
        match event_types.parse_if_readable(event):
            case event_types.RunOrigin():
                calls.clear()  # the calls before were another run's
            case event_types.CallIntended() as intent:
                calls[run, intent.call] = CallCost(
                    call=len(calls) + 1, participant=intent.participant, reserved_usd=intent.reserved_usd
                )
            case event_types.CallRetried(call=number, lost=lost):
                call = calls[run, number]
                calls[run, number] = _with_lost(call, lost, retries=call.retries + 1)
            case event_types.CallSwitched(call=number, lost=lost):
                call = calls[run, number]
                calls[run, number] = _with_lost(call, lost, switches=call.switches + 1)
            case event_types.ModelCallFailed(call=number, lost=lost) as failed:
                calls[run, number] = _with_lost(calls[run, number], lost, ended=failed.error)
            case event_types.CallAnswered(call=number) as answer:
                fields = {
                    name: getattr(answer, name)
                    for name in ("model", "fingerprint", "usage", "cost_usd", "seconds")
                }
                calls[run, number] = calls[run, number].model_copy(update={**fields, "ended": "answered"})
            case event_types.TextsEmbedded() as embedded if embedded.texts:
                calls[run, -event.seq] = CallCost(
                    call=len(calls) + 1,
                    participant="embedder",
                    ended="answered",
                    **{name: getattr(embedded, name) for name in ("model", "usage", "cost_usd")},
                )
    return Costs(calls=tuple(calls.values()))


def _with_lost(call: CallCost, lost: Used | None, **update: object) -> CallCost:
    return call.model_copy(update={**update, "lost": (*call.lost, lost) if lost is not None else call.lost})
