"""A run as a tree of messages, model calls and steps, with their times and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from coder.base.usage import Usage
from coder.run import event_types
from coder.run.events import Event
from coder.show.render import progress


@dataclass(slots=True)
class TraceNode:
    """One node of the tree; usage and cost of a node include those of the nodes below."""

    title: str
    seq: int
    """Number of the event, for a link."""
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    """US dollars; None if nothing was paid, or the price is unknown."""
    failed: bool = False
    run: str = ""
    """The run that this node stands for: an attempt or a subagent."""
    children: list["TraceNode"] = field(default_factory=list)

    def total(self) -> "TraceNode":
        """Add the sums of the nodes below, and return the node."""
        for child in self.children:
            child.total()
            self.seconds += child.seconds
            self.usage += child.usage
            if child.cost is not None:
                self.cost = (self.cost or 0.0) + child.cost
        return self


def trace_of(events: Sequence[Event]) -> list[TraceNode]:
    """Return one node for each message of the user, with the calls and outcomes below it."""
    messages: list[TraceNode] = []
    participants: dict[int, str] = {}
    for event in events:
        body = event_types.parse_if_readable(event)
        if isinstance(body, event_types.RunStarted | event_types.StepStarted):
            messages.append(TraceNode(body.task.prompt.strip().partition("\n")[0], event.seq))
        elif isinstance(body, event_types.CallIntended):
            participants[body.call] = body.participant
        elif messages and body is not None:
            _add(messages[-1], event, body, participants)
    return [message.total() for message in messages]


def _add(message: TraceNode, event: Event, body: event_types.Body, participants: dict[int, str]) -> None:
    """Add the node of an event below the message, or below the latest model call."""
    latest = message.children[-1] if message.children else message
    match body:
        case event_types.CallAnswered():
            title = f"call {body.call}  {participants.get(body.call, '')}  {body.model}"
            cost = float(body.cost_usd) if body.cost_usd is not None else None
            node = TraceNode(title, event.seq, body.seconds, body.usage, cost)
            message.children.append(node)
        case event_types.ModelCallFailed():
            message.children.append(TraceNode(f"call {body.call}  failed", event.seq, failed=True))
        case event_types.ToolAnswered():
            status = f"  exit {body.exit_code}" if body.exit_code is not None else ""
            node = TraceNode(f"{body.name}{status}", event.seq, body.seconds, failed=body.failed)
            latest.children.append(node)
        case event_types.AttemptEnded():
            kind = f"subagent {body.delegation.subagent}" if body.delegation else f"attempt {body.attempt}"
            cost = float(body.cost_usd) if body.cost_known else None
            title = f"{kind}  {body.status}"
            node = TraceNode(title, event.seq, body.seconds, body.usage, cost, run=body.run)
            latest.children.append(node)
        case event_types.FlowStepEnded():
            title = f"step {body.position}  {body.name}"
            node = TraceNode(title, event.seq, body.seconds, failed=body.error is not None)
            if (spent := body.spent) is not None:
                node.usage = spent.usage
                node.cost = float(spent.cost_usd) if spent.cost_usd is not None else None
            message.children.append(node)
        case event_types.Spoken() | event_types.RunStopped():
            if line := progress(body):
                message.children.append(TraceNode(line.strip(), event.seq))
