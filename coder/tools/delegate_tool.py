"""The calls by which a model delegates a task to a subagent, and by which the subagent reports its result."""

from collections.abc import Sequence

from pydantic import Field

from coder.base.text.sanitize import count_of
from coder.context.quoting import shown_path
from coder.models.model import ToolSpec
from coder.run.extensions import Subagent
from coder.tools.tool import Arguments, spec_of

DELEGATE = "delegate"
MAX_CHARACTERS = 8_000
"""Longest list of subagents, since each request holds it."""
_WORDS = (
    "Give a task to a subagent, which works on a copy of the files as they are now and knows only what "
    "`task` says. Its last words come back. Several calls in one answer are carried out "
    "concurrently. Subagents:"
)


class Delegate(Arguments):
    """Arguments of `delegate`."""

    agent: str = Field(description="A name from the list of subagents.")
    task: str = Field(min_length=1, max_length=100_000, description="What to do, and what to hand back.")


class SubagentReport(Arguments):
    """Arguments of a subagent's `done`."""

    result: str = Field(min_length=1, description="All that is to be read of your work.")


REPORT = spec_of("done", "Hand back the result of your work, which ends it.", SubagentReport)


def delegate_spec(subagents: Sequence[Subagent]) -> ToolSpec:
    """Return the spec of `delegate`, whose description lists these subagents."""
    rows, length = [], 0
    for subagent in subagents:
        origin = "the user's own" if subagent.is_own else shown_path(subagent.path)
        changes = "its changes are taken over" if subagent.writes else "its changes are discarded"
        row = f"- {subagent.name} ({origin}; {changes}): {subagent.description}"
        length += len(row)
        if length <= MAX_CHARACTERS:
            rows.append(row)
    if omitted := len(subagents) - len(rows):
        rows.append(f"- and {count_of(omitted, 'subagent')} that this list has no room for")
    return spec_of(DELEGATE, "\n".join([_WORDS, *rows]), Delegate)
