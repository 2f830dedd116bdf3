"""Code mode: the user's tools as functions of a module that programs of the session import."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

from pydantic import TypeAdapter

from coder.base.prompts import prompt
from coder.base.text.sanitize import one_line
from coder.models.model import JsonObject, ToolSpec
from coder.tools.protocol import unknown
from coder.tools.shortened import shortened
from coder.tools.tool import Desk, Tool, ToolResult

CALLS, BYTES, SECONDS = 10_000, 64 << 20, 600.0
"""Limits for all calls of one program: their number, bytes of requests and results, and time."""
MAX_RESULT = 8 << 20
"""Maximum bytes of one result."""
MAX_SIGNATURES = 8_000
"""Maximum characters of signatures in a prompt (about 2,000 tokens); beyond, it has only the names."""
_REFUSAL_DELAY_S = 0.05
"""Delay before a call beyond a limit is refused, so that a loop of such calls costs nothing."""
_MAX_SUMMARY = 160
_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list"}
MakeCall = Callable[[JsonObject], Awaitable[ToolResult]]
_REQUEST = TypeAdapter(tuple[str, JsonObject])
Guard = Callable[[Tool, JsonObject, MakeCall], Awaitable[ToolResult]]
"""Function that makes a call if it is permitted."""


class Stopwatch:
    """Measures the time in which at least one `running()` block is active; overlapping blocks count once."""

    def __init__(self) -> None:
        self._running, self._since, self._counted = 0, 0.0, 0.0

    @property
    def seconds(self) -> float:
        """Seconds measured so far."""
        return self._counted + (monotonic() - self._since if self._running else 0.0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Context manager that measures the time of its block."""
        if not self._running:
            self._since = monotonic()
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._counted += monotonic() - self._since


class ProgramRequests:
    """Answers requests of a program during one call of the model."""

    def __init__(self, tools: Sequence[Tool], desk: Desk, guard: Guard) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self._desk, self._guard = replace(desk, whole=True, sees=False), guard
        self._calls, self._bytes = 0, 0
        self.clock = Stopwatch()
        """Measures the time of tools and of questions, which doesn't count for a command's timeout."""

    async def answer(self, request: bytes) -> bytes:
        """Answer one request. Raises ValueError: the request is malformed."""
        self._calls += 1
        self._bytes += len(request)
        if self._calls > CALLS or self._bytes > BYTES or self.clock.seconds > SECONDS:
            await asyncio.sleep(_REFUSAL_DELAY_S)
            return _failure(
                f"One program may make {CALLS:,} calls, of {BYTES >> 20} MiB and {SECONDS:.0f} s in all. "
                "Ask for less, or go on in another one."
            )
        name, arguments = _REQUEST.validate_json(request)
        try:
            answer = await self._call(name, arguments) if name else self._help(arguments)
        except (ValueError, RecursionError) as error:
            answer = _failure(shortened(self._desk.redact(str(error))) or f"{name} failed")
        self._bytes += len(answer)
        return answer

    async def _call(self, name: str, arguments: JsonObject) -> bytes:
        tool = self._tools.get(name)
        if tool is None:
            raise ValueError(unknown(name, self._tools))

        async def make(passed_arguments: JsonObject) -> ToolResult:
            try:
                async with asyncio.timeout(SECONDS - self.clock.seconds) as limit:
                    return await tool.call(passed_arguments, self._desk)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise ValueError(f"{name} was cut off: the program's calls took too long.") from error

        with self.clock.running():
            result = await self._guard(tool, arguments, make)
        return _content(result, self._desk)

    def _help(self, arguments: JsonObject) -> bytes:
        """Return names and parameters of all tools, or the help for one. Raises ValueError."""
        specs = {_name(tool.spec): tool.spec for tool in self._tools.values()}
        name = str(arguments.get("help", ""))
        if not name:
            return _value([(spec.name, [*_properties(spec)]) for spec in specs.values()])
        if (spec := specs.get(name)) is None:
            raise ValueError(unknown(name, specs))
        schema = json.dumps(spec.parameters, indent=1, ensure_ascii=False)
        return _value(f"{_signature(spec)}\n\n{spec.description}\n\n{schema}")


def _value(value: object) -> bytes:
    return json.dumps({"value": value}).encode()


def _failure(text: str) -> bytes:
    return json.dumps({"error": text}).encode()


def _content(result: ToolResult, desk: Desk) -> bytes:
    """Encode a result without secrets. Raises ValueError: it is too large."""
    text = result.text
    if len(text) > MAX_RESULT or len(encoded := text.encode("utf-8", "surrogatepass")) > MAX_RESULT:
        raise ValueError(f"The result is larger than {MAX_RESULT >> 20} MiB. Ask for less of it.")
    is_clean = desk.redact(text) == text
    if result.is_json and is_clean and b"\\" not in encoded:  # the text can be copied unchanged
        return b'{"value": %b}' % encoded
    return _value(_redact(json.loads(text), desk) if result.is_json else desk.redact(text))


def _redact(value: object, desk: Desk) -> object:
    match value:
        case str():
            return desk.redact(value)
        case list():
            return [_redact(item, desk) for item in value]
        case dict():
            return {desk.redact(name): _redact(item, desk) for name, item in value.items()}
        case _:
            return value


def code_words(tools: Sequence[Tool], module: str) -> str:
    """Describe the user's tools to the model as functions."""
    if not tools:
        return ""
    summaries = [(tool.spec, tool.spec.description.strip().partition("\n")[0]) for tool in tools]
    lines = [f"- {_signature(spec)}: {one_line(summary, width=_MAX_SUMMARY)}" for spec, summary in summaries]
    if sum(map(len, lines)) > MAX_SIGNATURES:
        lines = [", ".join(_name(tool.spec) for tool in tools)]
    return prompt("code-mode").format(module=module, tools="\n".join(lines))


def module_for(files: Iterable[str]) -> str:
    """Return the module name by which programs import the tools; it hides no module of the workspace."""
    workspace_names = {
        part.removesuffix(".py") for path in files if "tools" in path for part in path.split("/")
    }
    return "tools" if "tools" not in workspace_names else "coder_tools"


def _name(spec: ToolSpec) -> str:
    return spec.name.replace("-", "_")


def _properties(spec: ToolSpec) -> JsonObject:
    properties = spec.parameters.get("properties")
    return properties if isinstance(properties, dict) else {}


def _signature(spec: ToolSpec) -> str:
    required = spec.parameters.get("required")
    required = required if isinstance(required, list) else []
    parameters = [_parameter(name, about, name in required) for name, about in _properties(spec).items()]
    return one_line(f"{_name(spec)}({', '.join(parameters)})", width=2 * _MAX_SUMMARY)


def _parameter(name: str, about: object, is_needed: bool) -> str:
    schema = about if isinstance(about, dict) else {}
    kind = schema.get("type")
    words = f"{name}: {_TYPES[kind]}" if isinstance(kind, str) and kind in _TYPES else name
    default = repr(schema["default"]) if "default" in schema else "..."
    return words if is_needed else f"{words} = {default}"
