"""A model call: intended before it is made, answered or failed after."""

from decimal import Decimal

from coder.models.logprobs import Alternative
from coder.models.model import ChatMessage, Form, Sampling, ToolCall, Usage, Used
from coder.run.event_types.body import Body


class CallIntended(Body):
    """A model call is about to be made; committed before, so that a crash leaves the reservation spent."""

    type = "model.requested"
    durable = False
    later = ("form", "kept", "in_dialogue")

    call: int
    participant: str
    key: str
    """SHA-256 of the redacted request."""
    messages: tuple[ChatMessage, ...]
    """Of the request, those behind the `kept` first ones."""
    kept: int = 0
    """Messages of the run's dialogue (`State.dialogue`) that the request begins with."""
    in_dialogue: bool = False
    """The request is that dialogue; else it stands alone."""
    sampling: Sampling
    form: Form | None = None
    reserved_tokens: int
    reserved_usd: Decimal | None


class CallRetried(Body):
    """The endpoint failed in a way that can heal; the call is made again after wait_s."""

    type = "model.retried"
    durable = False
    later = ("lost",)

    call: int
    attempt: int
    wait_s: float
    reason: str
    lost: Used | None = None
    """What the answer had used when it broke off, estimated where nobody counted."""


class CallSwitched(Body):
    """A model did not answer a call, and another one is asked instead."""

    type = "model.switched"
    durable = False
    later = ("lost",)

    call: int
    model: str
    """`provider/model` that did not answer."""
    next: str
    reason: str
    lost: Used | None = None


class CallAnswered(Body):
    """A model call's answer; it replaces the reservation by what was used."""

    type = "model.answered"
    later = ("reasoning", "tool_calls", "alternatives")

    call: int
    key: str
    model: str
    text: str
    reasoning: str = ""
    """What the model thought before, where it was told; no later prompt quotes it."""
    tool_calls: tuple[ToolCall, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    finish: str
    usage: Usage
    cost_usd: Decimal | None
    seconds: float


class ContextFolded(Body):
    """The dialogue was made shorter for its model, or plain text for one that takes no tools."""

    type = "context.folded"
    later = ("in_text",)

    messages: tuple[ChatMessage, ...]
    """All of it, as it is from now on."""
    in_text: bool = False
    """It goes on in plain text."""


class CallFailed(Body):
    """A model call failed for good."""

    type = "model.failed"
    later = ("lost",)

    call: int
    error: str
    message: str
    lost: Used | None = None
