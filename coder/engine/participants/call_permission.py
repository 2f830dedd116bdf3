"""Ask the user whether a call of a tool may be made, or made again after an interruption."""

import json

from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import visible
from coder.engine.turn.turn import Turn
from coder.models.model import ToolCall
from coder.run.questions import Decision, Question, question_id
from coder.run.state import State
from coder.tools.registry import Registry

MAX_SHOWN = 100_000
"""A call with more characters of arguments can't be allowed, because nobody reads them."""
_INDENT = "    "
_DEFAULT_YES = Decision(decision="yes", how="default")


class CallPermission:
    """Asks about the calls of one turn."""

    def __init__(self, turn: Turn, tools: Registry) -> None:
        self._turn = turn
        self._tools = tools

    def require_tool(self, call: ToolCall) -> None:
        """Raise UsageError if a call that a person was asked about names a tool that isn't given."""
        state = self._turn.state
        identity = question_id(state.run, len(state.progress.messages), call_key(state, call))
        is_open = state.questions.open is not None and state.questions.open.id == identity
        if self._tools.find(call.name) is None and (is_open or identity in state.questions.answers):
            raise UsageError(
                f"A call of {call.name} waits for its tool, which isn't given. "
                f"Give it again: {own_command()} resume {state.run} with the --mcp or --tool that the run had"
            )

    async def refusal(self, call: ToolCall, key: str = "", *, settled_by: str = "") -> str | None:
        """Return a text for the model if the user refuses a call with effects.

        Args:
            settled_by: `person` if the user has allowed the call already; `hook` if a hook has, so that only
                rules and settings ask about it.
        """
        call_text = f"Call {self._shown(call)}"
        asks_for_all = "tools" in self._turn.state.settings.approve
        tool = self._tools.find(call.name)
        asks = getattr(tool, "asks", False)  # a person must allow each call, even without `approve`
        if getattr(tool, "allowed", False) and not asks_for_all:  # the user allows it in advance
            return None
        if settled_by == "person" or (settled_by == "hook" and not (asks or asks_for_all)):
            return None
        if (asks or asks_for_all) and len(call_text) > MAX_SHOWN:
            return f"[Not made: a person is shown {MAX_SHOWN:,} characters of a call, and it is longer.]"
        question = self._question(call, call_text, options=("yes", "always", "no"))
        default = None if asks else _DEFAULT_YES
        answer = await self._turn.question(
            question, key=key or call_key(self._turn.state, call), otherwise=default
        )
        if answer.agrees:
            return None
        return f"[The user did not allow this call.{f' They say: {answer.words}' if answer.words else ''}]"

    async def is_made_again(self, call: ToolCall) -> bool:
        """Ask the user whether to repeat an interrupted call, whose effects are unknown."""
        text = f"This call was cut off: it may have had its effect or not. Make it again? {self._shown(call)}"
        question = self._question(call, text, options=("yes", "no"))
        key = f"again {call_key(self._turn.state, call)} {self._turn.state.spend.tool_calls}"
        return (await self._turn.question(question, key=key)).agrees

    def _question(self, call: ToolCall, words: str, *, options: tuple[str, ...]) -> Question:
        author = self._turn.participant
        return Question(
            kind="approve",
            about="tools",
            text=words,
            options=options,
            subject=call.name if "always" in options else "",
            note=f"your rule: {rule}"
            if (rule := getattr(self._tools.find(call.name), "why_asked", ""))
            else "",
            by=author,
        )

    def _shown(self, call: ToolCall) -> str:
        return self._turn.bench.redactor.redact(call_words(call))


def call_key(state: State, call: ToolCall) -> str:
    """Return a key that identifies a call in its turn, as models may repeat ids."""
    return f"{call.id} {state.spend.calls} {call.name} {call.arguments}"


def call_words(call: ToolCall) -> str:
    """Return name and arguments of a call: strings as lines, other values as JSON.

    Control characters, invisible ones and those that change the direction of text are shown as code points.
    """
    try:
        arguments = call.parsed()
    except ValueError:
        return f"{call.name}\n{_INDENT}{visible(call.arguments)}"
    if not arguments:
        return f"{call.name}()"
    return "\n".join([call.name, *(_argument(name, value) for name, value in arguments.items())])


def _argument(name: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    lines = visible(text).split("\n")
    if len(lines) == 1:
        return f"{_INDENT}{visible(name)}: {lines[0]}"
    return "\n".join([f"{_INDENT}{visible(name)}:", *(f"{_INDENT}{_INDENT}{line}" for line in lines)])
