"""McpTool: a tool of an MCP server; results are treated as data."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from time import thread_time
from typing import TYPE_CHECKING, Any

from coder.base.json_schema import Check, check_by, describe_error, has_remote_reference
from coder.base.text.sanitize import printable
from coder.config.image_files import MAX_BYTES, picture_of
from coder.config.mcp_rules import ServerName
from coder.config.mcp_servers import Mcp
from coder.config.permission_rules import of_tool
from coder.models.answer_parts import Image
from coder.models.model import JsonObject, ToolSpec
from coder.models.refused_tools import ServerTool
from coder.run.extensions import Rules
from coder.tools.python_tool import is_png
from coder.tools.tool import Desk, ToolResult, prepare_text, without_nulls

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock, Tool

MAX_TOOLS = 100
"""Maximum tools of one server; providers accept about 128 in all."""
_MAX_NAME, _MAX_DESCRIPTION, _MAX_SCHEMA = 64, 1_000, 20_000
_MAX_TEXT = 1 << 18
"""Maximum characters of a result to process, far more than a model gets."""
_MAX_PICTURES = 4
LIST_S = 5.0
"""CPU seconds for reading a list of tools; later tools are omitted."""
_EXACT_KEYWORDS = ("enum", "const", "required")
"""Keywords of a schema that list values or names of arguments."""


Call = Callable[[str, JsonObject, Desk], Awaitable["CallToolResult"]]
"""Function that calls a tool by the server's name of the tool."""


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of an MCP server."""

    spec: ToolSpec
    effect: bool
    asks: bool
    _name: str
    _call: Call
    _redact: Callable[[str], str]
    """Redacts values that the user passed to the server."""
    _check: Check
    server: ServerName | None = None
    why_asked: str = ""
    """The user's rule by which a person is asked about each call."""

    @property
    def allowed(self) -> bool:
        """Whether the user allows its calls, which have effects, in advance."""
        return self.effect and not self.asks

    @property
    def mcp_name(self) -> str:
        """The name `mcp__SERVER__TOOL`, by which the user's rules and hooks know it."""
        return f"mcp__{self.server.name}__{self._name}" if self.server is not None else ""

    def governed(self, rules: Rules | None) -> "McpTool | None":
        """Return the tool under the user's rules: with or without a question; None if they deny it."""
        if rules is None or self.server is None:
            return self
        ruling = of_tool(rules, self.server, self._name)
        if ruling is None:
            return self
        is_asked = ruling.verdict == "ask"
        if ruling.verdict == "deny":
            return None
        return replace(
            self, effect=self.effect or is_asked, asks=is_asked, why_asked=str(ruling) if is_asked else ""
        )

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Call the tool, if the arguments fit its schema."""
        try:
            if mismatch := self._check(arguments):
                required = self.spec.parameters.get("required")
                arguments = without_nulls(
                    arguments, [*map(str, required)] if isinstance(required, list) else ()
                )
                mismatch = self._check(arguments)
        except Exception as error:
            raise ValueError(f"The server's schema of {self.spec.name} can't be used: {error}") from error
        if mismatch:
            raise ValueError(f"The arguments of {self.spec.name} don't fit: {describe_error(mismatch)}.")
        result = await self._call(self._name, arguments, desk)
        data = result.structured_content
        is_json = data is not None and not result.is_error and (desk.whole or not result.content)
        shown = result_of(result.content, desk, self._redact)
        if result.is_error:
            raise ValueError(shown.text or "the server says that the call failed.")
        if not is_json:
            return shown
        text = prepare_text(self._redact(json.dumps(data, ensure_ascii=False)), desk)
        return replace(shown, text=text, is_json=True)


def result_of(parts: Sequence["ContentBlock"], desk: Desk, redact: Callable[[str], str]) -> ToolResult:
    """Return the texts and pictures of a server's answer; other binary parts are only named."""
    text = text_of(parts, sees=desk.sees)
    if not desk.whole and len(text) > _MAX_TEXT:
        text = f"{text[: _MAX_TEXT // 2]}\n{text[-_MAX_TEXT // 2 :]}"
    images = pictures_of(parts) if desk.sees else ()
    return ToolResult(prepare_text(redact(text), desk), images=images)


def text_of(parts: Sequence["ContentBlock"], *, sees: bool) -> str:
    """Return the texts of a server's answer, and the names of other parts that the model doesn't see."""
    return "\n".join(filter(None, (_words(part, sees=sees) for part in parts)))


def pictures_of(parts: Sequence["ContentBlock"]) -> tuple[Image, ...]:
    """Return the first pictures of a server's answer that endpoints accept."""
    return tuple(picture for part in parts if (picture := _picture(part)))[:_MAX_PICTURES]


def tools_listed(
    about: Mcp, listed: Iterable["Tool"], call: Call, redact: Callable[[str], str]
) -> tuple[dict[str, McpTool], str]:
    """Return the tools that a model can call, by the server's names, and names of the omitted ones."""
    from jsonschema.exceptions import SchemaError

    tools: dict[str, McpTool] = {}
    omitted: list[str] = []
    deadline = thread_time() + LIST_S
    for tool in listed:
        names = [listed_tool.spec.name for listed_tool in tools.values()]
        try:
            if tool.name not in tools:
                if thread_time() > deadline:  # checking even a short schema can take seconds
                    raise ValueError("too long a list")
                spec, effect, check = _read(about, tool, names)
                asks = effect and tool.name not in about.allow
                tools[tool.name] = McpTool(spec, effect, asks, tool.name, call, redact, check, about.known_as)
        except (SchemaError, ValueError, RecursionError):
            omitted.append(printable(tool.name)[:_MAX_NAME])
    return tools, ", ".join(omitted[:10]) + (" …" if len(omitted) > 10 else "")


def _read(about: Mcp, tool: "Tool", names: list[str]) -> tuple[ToolSpec, bool, Check]:
    """Return spec, effect and check of a tool. Raises SchemaError, ValueError, RecursionError: unusable."""
    schema, text = tool.input_schema, json.dumps(tool.input_schema)
    if schema.get("type") != "object" or len(text) > _MAX_SCHEMA or has_remote_reference(schema):
        raise ValueError("no schema that endpoints take")
    if tool.execution is not None and tool.execution.task_support == "required":
        raise ValueError("its results come later, by other requests")
    if len(names) == MAX_TOOLS:
        raise ValueError("too many")
    hints = tool.annotations
    effect = not (hints is not None and (hints.read_only_hint or hints.idempotent_hint))
    words = printable(tool.description or tool.title or tool.name)[:_MAX_DESCRIPTION]
    name = _name(about.name, tool.name, names)
    spec = ServerTool(name=name, description=words, parameters=_cleaned(schema))
    return spec, effect, check_by(schema)


def _cleaned(part: Any, *, exact: bool = False) -> Any:  # noqa: ANN401 - of JSON
    """Return a schema without invisible characters. Raises ValueError: that would change its meaning.

    exact: whether the part lists values or names.
    """
    if isinstance(part, dict):
        if any(printable(key) != key for key in part):
            raise ValueError("a name of an argument holds characters that nobody sees")
        return {key: _cleaned(value, exact=exact or key in _EXACT_KEYWORDS) for key, value in part.items()}
    if isinstance(part, list):
        return [_cleaned(value, exact=exact) for value in part]
    if not isinstance(part, str) or printable(part) == part:
        return part
    if not exact:
        return printable(part)
    if printable(part) != part.replace("\r", ""):
        raise ValueError("a value of an argument holds characters that nobody sees")
    return part


def _name(server: str, tool: str, names: list[str]) -> str:
    """Return a name that providers accept; a duplicate gets a suffix."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{server}_{tool}")
    if len(name) <= _MAX_NAME and name not in names:
        return name
    mark = hashlib.sha256(tool.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{name[: _MAX_NAME - 7]}_{mark}"


def _words(part: "ContentBlock", *, sees: bool) -> str:
    match part.type:
        case "text":
            return part.text
        case "image" if sees and _picture(part):
            return ""
        case "image" | "audio":
            return f"[{part.type} {part.mime_type}, {len(part.data):,} characters of base64: not shown]"
        case "resource" if (text := getattr(part.resource, "text", None)) is not None:
            return f"[{part.resource.uri}]\n{text}"
        case "resource":
            name = " ".join(filter(None, (str(part.resource.uri), part.resource.mime_type)))
            return f"[{name}]" if sees and _picture(part) else f"[{name}: binary, not shown]"
        case "resource_link":
            return f"[{part.uri} {part.name}]"


def _picture(part: "ContentBlock") -> Image | None:
    """Return a picture that endpoints accept, or None; a refused picture would end the dialogue."""
    if part.type == "audio":
        return None
    data = getattr(part.resource, "blob", "") if part.type == "resource" else getattr(part, "data", "")
    if not 0 < len(data) <= MAX_BYTES:
        return None
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error:
        return None
    picture = picture_of(content)
    if picture is None or picture.is_pdf or (picture.media_type == "image/png" and not is_png(content)):
        return None
    return picture
