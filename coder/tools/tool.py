"""Tool: the interface of tools. `tool_of` makes one from a typed function with a docstring."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_type_hints, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_json

from coder.base.text.sanitize import terminal_text
from coder.models.model import Image, JsonObject, ToolSpec
from coder.tools.shortened import shortened
from sandbox import Session

if TYPE_CHECKING:
    from sandbox import Kernel

_ERRORS_TOLD = 3
_SOON_S = 0.0005
"""How long the event loop waits for a function before it goes on with other work."""
_THREADS = ThreadPoolExecutor(32, thread_name_prefix="tool")
"""Of users' functions, which take as long as they like: none of ours waits behind them."""
Kind = TypeVar("Kind", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """Result of a call."""

    text: str
    """Plain text, as a terminal shows it."""
    exit_code: int | None = None
    seconds: float = 0.0
    running: bool = False
    """Programs are left in the background."""
    images: tuple[Image, ...] = ()
    """Pictures that the model is to see."""
    failed: bool = False
    """It wasn't carried out, or its program didn't succeed."""
    is_json: bool = False
    """The text is JSON of what a program gets (`code_mode.py`)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Session, limits and filters of a tool's call."""

    session: Session
    seconds_left: Callable[[], float]
    """Of the run."""
    redact: Callable[[str], str]
    on_output: Callable[[bytes], None] = lambda chunk: None
    """Sees what commands print, as it comes."""
    kernel: "Kernel | None" = None
    """Of the session, where the run has one."""
    sees: bool = False
    """The model sees pictures."""
    whole: bool = False
    """It is a program that calls: results are whole, and whoever passes them on takes secrets out."""


def prepare_text(text: str, desk: Desk) -> str:
    """Shorten a text for the model; remove escape sequences and secrets."""
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
        """Whether it changes anything outside the sandbox."""

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Carry out one call.

        Raises:
            ValueError: the call failed; the message is for the model.
            SandboxError: the sandbox itself failed.
        """


@runtime_checkable
class ToolServer(Protocol):
    """Source of tools that may change over time."""

    async def tools(self) -> Sequence[Tool]:
        """Its current tools."""


class Arguments(BaseModel):
    """Arguments of a tool, and their schema in its spec."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Untitled(GenerateJsonSchema):
    """Schema without titles, which only repeat the names of fields."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def spec_of(name: str, description: str, arguments: type[BaseModel]) -> ToolSpec:
    """The spec of a tool with these arguments."""
    schema = arguments.model_json_schema(schema_generator=_Untitled)
    kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return ToolSpec(name=name, description=description, parameters=kept)


def read_arguments(arguments: JsonObject, kind: type[Kind], *, name: str) -> Kind:
    """Validate the arguments of a call.

    Raises:
        ValueError: they don't fit; the message is for the model.
    """
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        rows = error.errors(include_url=False, include_input=False)[:_ERRORS_TOLD]
        reasons = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in rows)
        raise ValueError(f"The arguments of {name} don't fit: {reasons}.") from error


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A user's function as a tool."""

    spec: ToolSpec
    effect: bool
    _function: Callable[..., object]
    _arguments: type[BaseModel]

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Call the function, in a thread unless it is `async def`; a value that is no text becomes JSON."""
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
        except Exception as error:  # a user's function may raise anything: the model is told
            raise ValueError(f"{self.spec.name} failed: {type(error).__name__}: {error}") from error
        return ToolResult(prepare_text(text, desk), is_json=not isinstance(value, str))


async def _in_thread(function: Callable[..., object], values: dict[str, object]) -> object:
    """Call the function in a thread; a short call doesn't wake the event loop."""
    future = _THREADS.submit(copy_context().run, _called, function, values)
    with suppress(TimeoutError):
        future.exception(_SOON_S)
    return future.result() if future.done() else await asyncio.wrap_future(future)


def _called(function: Callable[..., object], values: dict[str, object]) -> object:
    try:
        return function(**values)
    except StopIteration as error:  # no future takes it
        raise ValueError(f"{function.__name__} failed: StopIteration: {error}") from error


def tool_of(function: Callable[..., object], *, effect: bool = True) -> FunctionTool:
    """Make a tool from a function, sync or async; its docstring is the description.

    A ValueError that it raises is a message for the model.

    Args:
        effect: whether it changes anything outside the sandbox.

    Raises:
        ValueError: it has no docstring, or a parameter without a type, or one that isn't given by its name.
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
