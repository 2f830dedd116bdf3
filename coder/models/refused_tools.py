"""RefusedTools: leave out a server's tool whose schema an endpoint refuses, instead of all tools.

An endpoint names the tool as data: by its exact name, or by its index in the request's list, as in
`tools[3].function.parameters` (OpenAI), `tools.3.custom.input_schema` (Anthropic),
`tools[0].function_declarations[3].parameters` (Google) and `["body", "tools", 3, "function"]` (pydantic).
"""

import re

from coder.models.connection import StatusError
from coder.models.model import Form, ToolSpec

_STATUSES = (400, 422)
_AT = r"""(?:\[|\.|["'],\s*)(\d{1,4})(?!\d)"""
_INDEX = re.compile(rf"\btools{_AT}(?:\]?\.function_?declarations{_AT})?", re.IGNORECASE)
_ROOTS = ("tools", "functions")


class ServerTool(ToolSpec):
    """A tool of a server, without which a request still has its meaning."""


class RefusedTools:
    """The tools of servers that one endpoint has accepted, and those that it has refused, in this process."""

    def __init__(self) -> None:
        self._accepted: dict[str, ServerTool] = {}
        self._refused: dict[str, ServerTool] = {}

    def without(self, form: Form | None) -> Form | None:
        """Return the form without the refused tools."""
        if form is None or not self._refused:
            return form
        tools = tuple(tool for tool in form.tools if self._refused.get(tool.name) != tool)
        return form.model_copy(update={"tools": tools})

    def accept(self, form: Form | None) -> None:
        """Note that a request with a form was answered: its tools are never left out."""
        for tool in form.tools if form is not None else ():
            if isinstance(tool, ServerTool):
                self._accepted[tool.name] = tool

    def learn(self, error: StatusError, form: Form | None) -> str | None:
        """Leave out the tool of a server that a refusal names; return its name.

        Return None if the refusal names no tool, one of coder's own, or one that was accepted before.
        """
        form = self.without(form)
        if form is None or error.status not in _STATUSES:
            return None
        tool = _refused_tool(error, form)
        if tool is None or self._accepted.get(tool.name) == tool:
            return None
        self._refused[tool.name] = tool
        return tool.name


def _refused_tool(error: StatusError, form: Form) -> ServerTool | None:
    """Return the tool of a server that a refusal names: by the parameter's index, its name, or an index."""
    parameter, body = error.parameter if isinstance(error.parameter, str) else "", str(error.body)
    if parameter and re.split(r"[.\[]", parameter)[0] not in _ROOTS:
        return None
    if (index := _index_in(parameter)) is None:
        words = re.finditer(r"[A-Za-z0-9_-]+", body)
        servers = {tool.name: tool for tool in form.tools if isinstance(tool, ServerTool)}
        tool = next((servers[word[0]] for word in words if word[0] in servers), None)
        if tool is not None:
            return tool
        index = _index_in(body)
    named = form.tools[index] if index is not None and index < len(form.tools) else None
    return named if isinstance(named, ServerTool) else None


def _index_in(text: str) -> int | None:
    """Return the index of a tool in a text; None if there is none."""
    match = _INDEX.search(text)
    return int(match[2] or match[1]) if match else None
