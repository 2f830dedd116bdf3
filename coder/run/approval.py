"""Approval: what the human has said of a change. Pure functions of messages and state."""

from coder.run.message import HUMAN, Message
from coder.run.state import State


def is_rejection(message: Message) -> bool:
    """Whether the human wants the change to be another one, and has said in which way."""
    return message.author == HUMAN and message.kind == "outcome"


def is_decided(state: State) -> bool:
    """Whether the human has said yes or no to the latest change."""
    return state.last is not None and state.last.kind == "decision"


def is_approved(state: State) -> bool:
    """Whether the human wants the latest change to land."""
    return is_decided(state) and state.refused is None


def since_rejection(state: State) -> tuple[Message, ...]:
    """The messages behind the human's last rejection: what came before is not wanted."""
    for index in range(len(state.messages) - 1, -1, -1):
        if is_rejection(state.messages[index]):
            return state.messages[index + 1 :]
    return state.messages
