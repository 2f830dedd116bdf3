"""Text mode: if an endpoint has no tools, an answer's only ```bash block is a call."""

import json
import re
from collections.abc import Collection, Sequence

from coder.context.quoting import fenced
from coder.edits.code_blocks import MAX_ANSWER, Block, find_blocks
from coder.models.model import ChatMessage, ToolCall
from coder.tools.protocol import Settled, settled

_BASH = "bash"
_SCRIPT_SUFFIXES = (".sh", ".bash")
_CALL_TAG = re.compile(
    r"""^[^\S\n]*<(?:tool_call>|[^<>\n]*=["']?([A-Za-z0-9_-]{1,64})["'>\s])""", re.MULTILINE
)
"""A tag that begins a call in text: `<tool_call>`, or one with a tool's name as value: `<function=bash>`."""


def text_call(text: str, *, cut_off: bool = False, earlier_ids: Collection[str] = ()) -> Settled | None:
    """Read an answer's ```bash block as a call of bash; None if it has no such block."""
    blocks = _bash_blocks(text)
    if not blocks:
        return None
    call = ToolCall(id="", name=_BASH, arguments=json.dumps({"command": blocks[0].text.strip("\n")}))
    problem = ""
    if len(blocks) > 1:
        problem = f"Nothing was run: your answer holds {len(blocks)} ```bash blocks. Write exactly one."
    elif cut_off and not blocks[0].is_closed:
        problem = "Nothing was run: your answer was cut off at its length limit within the block. Write less."
    return Settled(settled([call], (_BASH,), cut_off=False, earlier_ids=earlier_ids)[0].call, problem)


def speaks_tools(text: str, names: Collection[str]) -> bool:
    """Whether an answer without calls contains one in text: a tag with a tool's name, or a ```bash block."""
    tags = _CALL_TAG.finditer(text[:MAX_ANSWER])
    return any(tag[1] is None or tag[1] in names for tag in tags) or bool(_bash_blocks(text))


def as_text(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Convert calls and results of a history to alternating plain messages of assistant and user."""
    history: list[ChatMessage] = []
    for message in messages:
        if message.role == "tool":
            content = f"Result:\n{fenced(message.content)}"
            message = ChatMessage(role="user", content=content, images=message.images)
        elif message.tool_calls:
            calls = [
                _call_as_text(call)
                for call in message.tool_calls
                if not _contains_call(message.content, call)
            ]
            content = "\n\n".join(part for part in (message.content, *calls) if part)
            message = ChatMessage(role=message.role, content=content, images=message.images)
        if history and history[-1].role == message.role == "user":
            content, images = (
                f"{history[-1].content}\n\n{message.content}",
                history[-1].images + message.images,
            )
            message = ChatMessage(role="user", content=content, images=images)
            history.pop()
        history.append(message)
    return history


def _bash_blocks(text: str) -> list[Block]:
    """Return the blocks that are commands, but not the contents of a script."""
    blocks = [block for block in find_blocks(text[:MAX_ANSWER]) if block.language == _BASH]
    return [
        block for block in blocks if block.text.strip() and not (block.name or "").endswith(_SCRIPT_SUFFIXES)
    ]


def _contains_call(content: str, call: ToolCall) -> bool:
    """Whether the text of an answer contains the call itself, as in text mode."""
    call_in_text = text_call(content)
    return call_in_text is not None and (call_in_text.call.name, call_in_text.call.parsed()) == (
        call.name,
        call.parsed(),
    )


def _call_as_text(call: ToolCall) -> str:
    command = call.parsed().get("command") if call.name == _BASH else None
    return fenced(command, _BASH) if isinstance(command, str) else f"[{call.name} {call.arguments}]"
