"""What AutoGen's own tests of its terminations show (test_termination_condition.py), of our conditions.

Without an equivalent: `reset` and TerminatedException, since a condition of ours has no state and is asked
again; StopMessageTermination and TextMessageTermination, as kinds of messages: `said` and `spoke` end where a
member says or has said something; NoHandoffTermination: without a hand-off a Handoff team goes by its order.
"""

from dataclasses import replace

import pytest

from coder.models.model import ChatMessage, ToolCall, Usage
from coder.run.conditions import asked_to_stop, called, handed_to, messages, said, seconds, spoke, tokens
from coder.run.event_types import StopRequested
from coder.run.message import Message
from coder.run.state import State
from coder.run.team_message import HandoffMessage, WordsMessage
from coder.run.termination import Reason, Stop
from tests.coder.states import started, state_of

BEGUN = state_of([started()])


def words(author: str, text: str) -> Message:
    return WordsMessage(author=author, text=text)


def handed(to: str) -> Message:
    return HandoffMessage(author="user", text="Hello", to=to)


def after(*said: Message) -> State:
    """The state once these were said."""
    return BEGUN.with_messages(said)


def worked_for(seconds: float) -> State:
    return replace(BEGUN, spend=replace(BEGUN.spend, seconds=seconds))


def told_to_stop() -> State:
    return replace(BEGUN, progress=replace(BEGUN.progress, stop_requested=StopRequested(who="me")))


def used(tokens_in: int, tokens_out: int) -> State:
    usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out)
    return replace(BEGUN, spend=replace(BEGUN.spend, usage=usage))


def calling(tool: str) -> State:
    call = ToolCall(id="call00001", name=tool, arguments="{}")
    answer = ChatMessage(role="assistant", content="", tool_calls=(call,))
    return replace(BEGUN, dialogue=replace(BEGUN.dialogue, messages=(answer,)))


HELLO, STOP, AGENT = words("user", "Hello"), words("user", "stop"), words("agent", "stop")
OWN = Stop(lambda state: Reason("unverified", "some words") if state.progress.messages else None)
BOTH, EITHER = messages(2) & said("stop"), messages(3) | said("stop")


@pytest.mark.parametrize(
    ("theirs", "condition", "state", "ends"),
    [
        ("handoff", handed_to("target"), BEGUN, False),
        ("handoff", handed_to("target"), after(HELLO), False),
        ("handoff", handed_to("target"), after(HELLO, handed("target")), True),
        ("handoff", handed_to("target"), after(handed("another")), False),
        ("max_message", messages(2), BEGUN, False),
        ("max_message", messages(2), after(HELLO), False),
        ("max_message", messages(2), after(HELLO, AGENT), True),
        ("mention", said("stop"), BEGUN, False),
        ("mention", said("stop"), after(HELLO), False),
        ("mention", said("stop"), after(HELLO, STOP), True),
        ("mention", said("stop", by="agent"), after(STOP), False),
        ("mention", said("stop", by="agent"), after(STOP, AGENT), True),
        ("token_usage", tokens(10), BEGUN, False),
        ("token_usage", tokens(10), used(10, 10), True),
        ("token_usage", tokens(10), used(2, 2), False),
        ("token_usage", tokens(10), used(5, 5), True),
        ("and", BOTH, BEGUN, False),
        ("and", BOTH, after(HELLO), False),
        ("and", BOTH, after(HELLO, HELLO), False),
        ("and", BOTH, after(HELLO, STOP), True),
        ("or", EITHER, BEGUN, False),
        ("or", EITHER, after(HELLO, HELLO), False),
        ("or", EITHER, after(HELLO, STOP), True),
        ("or", EITHER, after(HELLO, HELLO, HELLO), True),
        ("or", EITHER, after(HELLO, HELLO, HELLO, STOP), True),
        ("timeout", seconds(0.1), BEGUN, False),
        ("timeout", seconds(0.1), worked_for(0.2), True),
        ("external", asked_to_stop(), BEGUN, False),
        ("external", asked_to_stop(), told_to_stop(), True),
        ("source_match", spoke("agent"), BEGUN, False),
        ("source_match", spoke("agent"), after(HELLO), False),
        ("source_match", spoke("agent"), after(HELLO, AGENT, HELLO), True),
        ("function_call", called("deploy"), BEGUN, False),
        ("function_call", called("deploy"), calling("deploy"), True),
        ("function_call", called("deploy"), calling("another"), False),
        ("functional", OWN, BEGUN, False),
        ("functional", OWN, after(HELLO), True),
    ],
)  # fmt: skip
def test_conditions_hold_where_those_of_autogen_do(
    theirs: str, condition: Stop, state: State, ends: bool
) -> None:
    assert (condition(state) is not None) is ends, theirs
    assert (condition(state) is not None) is ends, "a condition that was asked is asked again"
