"""Unfolding: what a call of the model's gave, which a conversation shows as one line."""

from coder.chat.chat_session import Session
from coder.console.render import tool_line
from coder.errors import UsageError
from coder.run.event_types import ToolAnswered, ToolCalled, parse
from coder.text.sanitize import count_of, printable


async def unfolded(session: Session, number: str) -> str:
    """A call's line and all that the model was told of it.

    Args:
        number: as `coder show` counts calls, from 1; empty is the latest.

    Raises:
        UsageError: there is no such call.
        MachineError: the log can't be read.
    """
    calls: list[tuple[ToolCalled, ToolAnswered]] = []
    called: ToolCalled | None = None
    for event in await session.log.read(session.run) if session.begun else ():
        match parse(event):
            case ToolCalled() as called:
                pass
            case ToolAnswered() as answered if called is not None:
                calls.append((called, answered))
    at = len(calls) if not number else int(number) if number.isdecimal() else 0
    if not 0 < at <= len(calls):
        raise UsageError(f"The model has made {count_of(len(calls), 'call')}. Name one: /show N")
    return printable(f"{tool_line(*calls[at - 1])}\n{calls[at - 1][1].text}").rstrip("\n")
