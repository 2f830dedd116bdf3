"""Tool: the interface of tools. `tool_of` makes one from a typed function with a docstring."""

import asyncio
import inspect
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_type_hints, runtime_checkable

from pydantic import BaseModel, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_json

from coder.base.text.sanitize import terminal_text
from coder.models.answer_parts import Image
from coder.models.model import JsonObject, ToolSpec
from coder.tools.shortened import shortened
from sandbox import Session
from sandbox.result import Value

if TYPE_CHECKING:
    from coder.tools.web_address import Address
    from sandbox import Kernel

_MAX_ERRORS = 3
_SHORT_WAIT_S = 0.0005
"""The event loop waits this long for a function before it continues with other work."""
_THREADS = ThreadPoolExecutor(32, thread_name_prefix="tool")
"""Threads for users' functions, which may take any time, so that our own calls don't wait for them."""
Kind = TypeVar("Kind", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """Result of a tool call."""

    text: str
    """Plain text, as a terminal would show it."""
    exit_code: int | None = None
    seconds: float = 0.0
    running: bool = False
    """Whether programs are still running in the background."""
    images: tuple[Image, ...] = ()
    """Pictures for the model."""
    failed: bool = False
    """Whether the call wasn't executed, or its program failed."""
    refused: bool = False
    """Whether the tool refused the call, with `text` as the reason."""
    is_json: bool = False
    """Whether the text is JSON for a program (`code_mode.py`)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Session, limits and filters for a tool call."""

    session: Session
    seconds_left: Callable[[], float]
    """Returns the remaining seconds of the run."""
    redact: Callable[[str], str]
    on_output: Callable[[bytes], None] = lambda chunk: None
    """Called with output of commands as it arrives."""
    kernel: "Kernel | None" = None
    """The session's kernel, if the run has one."""
    sees: bool = False
    """Whether the model accepts pictures."""
    whole: bool = False
    """Whether a program makes the call, so that results aren't shortened; the caller redacts secrets."""


def prepare_text(text: str, desk: Desk) -> str:
    """Shorten a text for the model, and remove escape sequences and secrets."""
    if desk.whole:
        return text
    return shortened(desk.redact(terminal_text(text)))


class Tool(Protocol):
    """Interface of tools."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description and arguments."""

    @property
    def effect(self) -> bool:
        """Whether the tool changes anything outside of the sandbox."""

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Execute one call.

        Raises:
            ValueError: the call failed; the message is for the model.
            SandboxError: the sandbox itself failed.
        """


@runtime_checkable
class Fetches(Protocol):
    """Tool whose calls reach a host, which must be allowed before."""

    def address(self, arguments: JsonObject) -> "Address":
        """Return the address that a call would reach. Raises ValueError: there is none."""


@runtime_checkable
class ToolServer(Protocol):
    """Source of tools that may change over time."""

    async def tools(self) -> Sequence[Tool]:
        """Return the current tools."""


class Arguments(Value):
    """Arguments of a tool, and their schema in its spec."""


class _Untitled(GenerateJsonSchema):
    """Generator of schemas without titles, which only repeat field names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def spec_of(name: str, description: str, arguments: type[BaseModel]) -> ToolSpec:
    """Return the spec of a tool with these arguments."""
    schema = arguments.model_json_schema(schema_generator=_Untitled)
    parameters = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return ToolSpec(name=name, description=description, parameters=parameters)


def read_arguments(arguments: JsonObject, kind: type[Kind], *, name: str) -> Kind:
    """Return the validated arguments of a call; null is no argument where the field may be left out.

    Raises:
        ValueError: the arguments are invalid; the message is for the model.
    """
    required = {field for field, facts in kind.model_fields.items() if facts.is_required()}
    with suppress(ValidationError):
        return kind.model_validate(arguments)
    try:
        return kind.model_validate(without_nulls(arguments, required))
    except ValidationError as error:
        rows = error.errors(include_url=False, include_input=False)[:_MAX_ERRORS]
        reasons = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in rows)
        raise ValueError(f"The arguments of {name} don't fit: {reasons}.") from error


def without_nulls(arguments: JsonObject, required: Collection[str]) -> JsonObject:
    """Return the arguments without nulls that some models write for those that they leave out."""
    return {name: value for name, value in arguments.items() if value is not None or name in required}


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A user's function as a tool."""

    spec: ToolSpec
    effect: bool
    _function: Callable[..., object]
    _arguments: type[BaseModel]

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Call the function, in a thread unless it is `async def`; a result other than text becomes JSON."""
        model = read_arguments(arguments, self._arguments, name=self.spec.name)
        values = {name: getattr(model, name) for name in self._arguments.model_fields}
        try:
            if inspect.iscoroutinefunction(self._function):
                value = await self._function(**values)
            else:
                value = await _in_thread(self._function, values)
                value = await value if inspect.isawaitable(value) else value
            text = value if isinstance(value, str) else to_json(value, fallback=str).decode()
        except ValueError:
            raise
        except Exception as error:  # a user's function may raise any error, which is reported to the model
            raise ValueError(f"{self.spec.name} failed: {type(error).__name__}: {error}") from error
        return ToolResult(prepare_text(text, desk), is_json=not isinstance(value, str))


async def _in_thread(function: Callable[..., object], values: dict[str, object]) -> object:
    """Call the function in a thread; a short call doesn't wake the event loop."""
    future = _THREADS.submit(copy_context().run, _called, function, values)
    with suppress(TimeoutError):
        future.exception(_SHORT_WAIT_S)
    return future.result() if future.done() else await asyncio.wrap_future(future)


def _called(function: Callable[..., object], values: dict[str, object]) -> object:
    try:
        return function(**values)
    except StopIteration as error:  # a future can't have this exception
        raise ValueError(f"{function.__name__} failed: StopIteration: {error}") from error


def tool_of(function: Callable[..., object], *, effect: bool = True) -> FunctionTool:
    """Make a tool from a function, sync or async, with its docstring as the description.

    The text of a ValueError from the function is a message for the model.

    Args:
        effect: whether the function changes anything outside of the sandbox.

    Raises:
        ValueError: the docstring or a type is missing, or a parameter can't be given by name.
    """
    name, description = function.__name__, inspect.getdoc(function)
    if not description:
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
    arguments = create_model(name, __base__=Arguments, **fields)
    return FunctionTool(spec_of(name, description, arguments), effect, function, arguments)


async def tools_of(items: Sequence[object]) -> list[Tool]:
    """Make tools from functions, and list the servers' tools; the first tool of a name is used."""
    tools: list[Tool] = [
        tool_of(item, effect=getattr(item, "effect", True)) for item in items if callable(item)
    ]
    for server_tools in await asyncio.gather(
        *(item.tools() for item in items if isinstance(item, ToolServer))
    ):
        names = {tool.spec.name for tool in tools}
        tools += [tool for tool in server_tools if tool.spec.name not in names]
    return tools
