"""Tool: a typed function with a docstring, as a model may call it. Its schema comes from its types."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from coder.models.model import ChatMessage, Form, ToolCall, ToolSpec

MOST_STEPS = 50
"""Answers that call tools, one after the other, before a loop is ended."""
LONGEST_RESULT = 16_000
"""Characters of what a tool gave that the model is shown."""
_ERRORS_TOLD = 3


class Calling(Protocol):
    """What of an answer a loop of tools needs."""

    @property
    def text(self) -> str:
        """What was said."""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What is to be called."""


Said = TypeVar("Said", bound=Calling)
Ask = Callable[[Sequence[ChatMessage], Form], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function, and what a model is told of it."""

    spec: ToolSpec
    _function: Callable[..., object]
    _arguments: type[BaseModel]

    async def answer(self, call: ToolCall) -> ChatMessage:
        """What the function gave, as the message that answers a call; or what is wrong with the arguments.

        Raises:
            Exception: the function's own; a ValueError of it is for the model, and said in the message.
        """
        try:
            given = self._arguments.model_validate(call.parsed())
            result = self._function(**{name: getattr(given, name) for name in self._arguments.model_fields})
            text = str(await result if inspect.isawaitable(result) else result)
        except ValidationError as error:
            rows = error.errors(include_url=False, include_input=False)[:_ERRORS_TOLD]
            text = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in rows)
            text = f"The arguments of {call.name} don't fit: {text}."
        except ValueError as error:
            text = str(error)
        if len(text) > LONGEST_RESULT:
            text = f"{text[:LONGEST_RESULT]}\n[… {len(text) - LONGEST_RESULT} characters more]"
        return ChatMessage(role="tool", content=text, tool_call_id=call.id)


def tool_of(function: Callable[..., object]) -> Tool:
    """The function as a tool; its docstring says what it is for. It may be `async def`.

    Raises:
        ValueError: it has no docstring, or a parameter without a type, or one that isn't given by its name.
    """
    name, said = function.__name__, inspect.getdoc(function)
    if not said:
        raise ValueError(f"{name} has no docstring, so that no model would know what it is for")
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(f"the parameter {parameter.name} of {name} can't be given by its name")
        if parameter.name not in hints:
            raise ValueError(f"the parameter {parameter.name} of {name} has no type")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    arguments = create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
    schema = arguments.model_json_schema()
    spec = ToolSpec(name=name, description=said, parameters={k: v for k, v in schema.items() if k != "title"})
    return Tool(spec, function, arguments)


async def use_tools(
    ask: Ask[Said], messages: Sequence[ChatMessage], tools: Sequence[Tool], *, most_steps: int = MOST_STEPS
) -> Said:
    """Ask, carry out what the answer calls, and ask again, until an answer calls nothing.

    Args:
        ask: one call of a model, such as `Turn.answer`: on a resume it gives what its log holds, and the
            tools are called again, so that they must not mind that.

    Returns:
        The last answer; one that still calls tools after so many steps is given back as it is.
    """
    known = {tool.spec.name: tool for tool in tools}
    form = Form(tools=tuple(tool.spec for tool in tools))
    talk = list(messages)
    for step in range(most_steps):
        said = await ask(talk, form)
        if not said.tool_calls or step == most_steps - 1:
            return said
        talk.append(ChatMessage(role="assistant", content=said.text, tool_calls=said.tool_calls))
        for call in said.tool_calls:
            tool = known.get(call.name)
            talk.append(await tool.answer(call) if tool is not None else _unknown(call, known))
    raise ValueError("a loop of tools needs a step")


def _unknown(call: ToolCall, known: dict[str, Tool]) -> ChatMessage:
    text = f"There is no tool {call.name!r}. There are: {', '.join(known)}."
    return ChatMessage(role="tool", content=text, tool_call_id=call.id)
