"""Inputs of hooks: calls and edits in the fields of Claude Code's tools, and changes that hooks make.

Protocol: https://code.claude.com/docs/en/hooks
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from coder.edits import paths
from coder.edits.lines import split_lines
from coder.models.model import JsonObject, ToolCall
from coder.tools.edit_tool import replaced
from coder.tools.tool import ToolResult

_NAMES = {
    "bash": ("Bash",),
    "edit": ("Edit", "Write", "MultiEdit"),
    "python": ("NotebookEdit",),
    "web_fetch": ("WebFetch",),
    "skill": ("Skill",),
}
"""Claude's names of our tools; a matcher may use any of them."""
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "bash": {"command": "command", "timeout_s": "timeout", "background": "run_in_background"},
    "python": {"code": "new_source"},
    "web_fetch": {"url": "url"},
    "skill": {"name": "skill"},
}
"""Claude's names of our tools' arguments, by our names; arguments without such a name are unchanged."""
_MS = 1_000
"""Claude's `timeout` of Bash is in milliseconds."""
MAX_RESPONSE = 10_000


class Subject(Protocol):
    """Subject of a hook: one call, or one file that an edit changes."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tool; a hook gets the first one that its matcher covers."""

    @property
    def call(self) -> ToolCall:
        """The call; for an edit in the text of an answer, an equivalent call."""

    def input(self, name: str, root: str) -> JsonObject:
        """Return `tool_input` for a tool of this name, with paths below the folder in which the hook runs."""

    def with_input(self, name: str, root: str, value: Mapping[str, Any]) -> Self:
        """Return the subject with an `updatedInput`. Raises ValueError if that is invalid."""

    def response(self, result: ToolResult, root: str) -> JsonObject:
        """Return `tool_response`."""


@dataclass(frozen=True, slots=True)
class HookedCall:
    """A call of a tool other than `edit`."""

    call: ToolCall
    mcp_name: str = ""
    """`mcp__SERVER__TOOL` for a tool of an MCP server."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tool."""
        name = self.call.name
        return (self.mcp_name, name) if self.mcp_name else _NAMES.get(name, (name,))

    def input(self, name: str, root: str) -> JsonObject:
        """Return the arguments, renamed."""
        try:
            arguments = dict(self.call.parsed())
        except ValueError:
            return {}
        fields = _FIELDS.get(self.call.name, {})
        renamed = {fields.get(key, key): value for key, value in arguments.items()}
        timeout = renamed.get("timeout")
        if self.call.name == "bash" and isinstance(timeout, int | float):
            renamed["timeout"] = timeout * _MS
        return renamed

    def with_input(self, name: str, root: str, value: Mapping[str, Any]) -> Self:
        """Return the call with these arguments; of a tool in `_FIELDS`, only those listed are replaced."""
        fields = _FIELDS.get(self.call.name)
        if fields is None:
            return replace(self, call=_with_arguments(self.call, dict(value)))
        others = {key: old for key, old in self.call.parsed().items() if key not in fields}
        taken = {ours: value[theirs] for ours, theirs in fields.items() if theirs in value}
        if isinstance(timeout := taken.get("timeout_s"), int | float):
            taken["timeout_s"] = max(1.0, timeout / _MS)
        return replace(self, call=_with_arguments(self.call, {**others, **taken}))

    def response(self, result: ToolResult, root: str) -> JsonObject:
        """Return the result of the call: output of a command in `stdout`, else in `output`."""
        text = result.text[:MAX_RESPONSE]
        if self.call.name != "bash":
            return {"output": text}
        is_interrupted = result.exit_code is None and not result.running
        return {"stdout": text, "stderr": "", "interrupted": is_interrupted, "isImage": False}


@dataclass(frozen=True, slots=True)
class HookedEdit:
    """The change of one file, by a call or in the text of an answer."""

    call: ToolCall
    """The call; for an edit in the text of an answer, a call with an empty id."""
    path: str
    """Path relative to the workspace."""
    before: str | None
    """Text before the change; None: there is no such file yet, or it isn't text."""
    after: str | None
    """Text after the change; None: the file is removed."""
    replacement: tuple[str, str, bool] | None = None
    """Old and new text, and whether each occurrence is replaced, as the model has given them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tool: `Write` first for a new file."""
        edit, write, many = _NAMES["edit"]
        return (write, edit, many) if self.before is None else (edit, write, many)

    def input(self, name: str, root: str) -> JsonObject:
        """Return the file and its new text for `Write`, else the file with the old and the new text."""
        file_path = f"{root}/{self.path}"
        if name == "Write":
            return {"file_path": file_path, "content": self.after or ""}
        old, new, every = self.replacement or _region(self.before or "", self.after or "")
        edit: JsonObject = {"old_string": old, "new_string": new, "replace_all": every}
        return (
            {"file_path": file_path, "edits": [edit]}
            if name == "MultiEdit"
            else {"file_path": file_path, **edit}
        )

    def with_input(self, name: str, root: str, value: Mapping[str, Any]) -> Self:
        """Return the change that this input makes."""
        given_path = value.get("file_path", f"{root}/{self.path}")
        if not isinstance(given_path, str) or (
            given_path.startswith("/") and not given_path.startswith(f"{root}/")
        ):
            raise ValueError(f"a hook changed the path to {given_path!r}, which isn't in the workspace")
        path = paths.plain(given_path.removeprefix(f"{root}/"))
        if (reason := paths.refusal(path)) is not None:
            raise ValueError(f"a hook changed the path: {reason}")
        before = self.before if path == self.path else None
        if name == "Write":
            content = value.get("content", self.after)
            if not isinstance(content, str):
                raise ValueError("a hook changed the input of Write and left out `content`")
            return replace(self, path=path, before=before, after=content, replacement=None)
        if path != self.path:
            raise ValueError("a hook can change the path of a Write, not that of an Edit")
        rows = value.get("edits") if name == "MultiEdit" else [value]
        after, rows = before or "", rows if isinstance(rows, list) else []
        for row in rows:
            old, new = (
                (row.get("old_string"), row.get("new_string")) if isinstance(row, Mapping) else (None, None)
            )
            if not isinstance(old, str) or not isinstance(new, str):
                raise ValueError("a hook changed the input of an edit and left out old_string or new_string")
            after = replaced(path, after, old, new, every=row.get("replace_all") is True) if old else new
        return replace(self, after=after, replacement=None)

    def response(self, result: ToolResult, root: str) -> JsonObject:
        """Return the path of the file, and that it was changed."""
        return {"filePath": f"{root}/{self.path}", "success": not result.failed}

    def as_call(self) -> ToolCall:
        """Return a call of `edit` that makes this change alone.

        Raises ValueError if no call can, as the file is removed or was empty.
        """
        if self.after is None or self.before == "":
            raise ValueError(f"a hook changed the input for {self.path}, which no single edit makes")
        if self.before is None:
            return _with_arguments(self.call, {"path": self.path, "new": self.after})
        old, new, every = self.replacement or (self.before, self.after, False)
        return _with_arguments(self.call, {"path": self.path, "old": old, "new": new, "all": every})


def _with_arguments(call: ToolCall, arguments: JsonObject) -> ToolCall:
    return call.model_copy(update={"arguments": json.dumps(arguments, ensure_ascii=False)})


def _region(before: str, after: str) -> tuple[str, str, bool]:
    """Return the differing lines, with enough context to make the old ones unique; else both texts."""
    old, new = split_lines(before), split_lines(after)
    start = next(
        (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    most = min(len(old), len(new)) - start
    tail = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    while start > 0 or tail > 0:
        text = "".join(old[start : len(old) - tail])
        if text and before.find(text) == before.rfind(text):  # also of occurrences that overlap
            return text, "".join(new[start : len(new) - tail]), False
        start, tail = max(0, start - 1), max(0, tail - 1)
    return before, after, False
