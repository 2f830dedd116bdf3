"""Outputs of one cell: text goes to descriptors, rich outputs to files."""

from __future__ import annotations

import base64
import json
import os
import re
from contextlib import suppress
from typing import Any

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLAIN = "text/plain"
_NO_TEXT = "<IPython.core.display."
"""Prefix of text such as `<IPython.core.display.HTML object>`, which isn't printed: a file has the output."""
_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+_-]{1,80}", re.ASCII)
_PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/svg+xml": "svg"}
_EXTENSIONS = {
    **_PICTURES,
    "text/html": "html",
    "text/markdown": "md",
    "text/latex": "tex",
    "text/javascript": "js",
    "application/javascript": "js",
    "application/json": "json",
    "application/pdf": "pdf",
}
_FAILED = 1


class CellOutputs:
    """Write the outputs of one cell as they arrive."""

    def __init__(self, stdout: int, stderr: int, place: str, *, names_files: bool) -> None:
        """`place` is the path prefix of its files; `names_files`: print a line for each picture."""
        self._stdout, self._stderr, self._place, self._names_files = stdout, stderr, place, names_files
        self._at_line_start = True
        self._count = 0
        self._display_numbers: dict[str, int] = {}
        """Number of each updatable display, by its id."""

    def show(self, kind: str, content: dict[str, Any]) -> None:
        """Show one message of the kernel; other kinds are ignored."""
        if kind == "stream":
            self._text(self._stderr if content["name"] == "stderr" else self._stdout, content["text"])
        elif kind == "error":
            self._error(content)
        elif kind in ("execute_result", "display_data", "update_display_data"):
            self._show_output(content["data"], (content.get("transient") or {}).get("display_id"))

    def _error(self, content: dict[str, Any]) -> None:
        """Print the kernel's traceback; for SystemExit the text alone, as Python does."""
        text = "\n".join(content["traceback"])
        if content["ename"] == "SystemExit":
            text = "" if _code(content["evalue"]) is not None else content["evalue"]
        if text:
            self._text(self._stderr, _COLOURS.sub("", text).rstrip("\n") + "\n")

    def _show_output(self, data: dict[str, Any], name: str | None) -> None:
        """Show one output in all its types: print the text, keep the others as files with the same number."""
        text = str(data.get(_PLAIN, ""))
        rich = {kind: value for kind, value in data.items() if kind != _PLAIN and _TYPE.fullmatch(kind)}
        if text and not (rich and text.startswith(_NO_TEXT)):
            self._text(self._stdout, ("" if self._at_line_start else "\n") + text + "\n")
        if not rich:
            return
        number = self._display_numbers.get(name) if name is not None else None
        is_new = number is None
        if number is None:
            self._count = number = self._count + 1
            if name is not None:
                self._display_numbers[name] = number
        for kind, value in rich.items():
            self._keep(kind, value, number, is_new)

    def _keep(self, kind: str, value: Any, number: int, is_new: bool) -> None:
        path = f"{self._place}-{number}.{file_extension(kind)}"
        content = _content(kind, value)
        try:
            with open(path, "wb") as file:
                file.write(content)
        except OSError as error:
            self._text(self._stderr, f"[{path} can't be written: {error.strerror}]\n")
            return
        if self._names_files and is_new and kind in _PICTURES:
            size_kb = -(-len(content) // 1024)
            self._text(self._stdout, f"[picture {kind}, {size_kb} KiB, kept as {path}]\n")

    def _text(self, stream: int, text: str) -> None:
        if stream == self._stdout and text:
            self._at_line_start = text.endswith("\n")
        rest = memoryview(text.encode("utf-8", "replace"))
        with suppress(OSError):  # its reader is gone
            while rest:
                rest = rest[os.write(stream, rest) :]


def file_extension(kind: str) -> str:
    """Return the file extension for a content type; for an unknown type, its own name."""
    if kind in _EXTENSIONS:
        return _EXTENSIONS[kind]
    name, _, syntax = kind.partition("/")[2].lower().partition("+")
    plain = re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "output"
    if syntax in ("json", "xml"):
        return f"{plain}.{syntax}"
    return f"{plain}.txt" if kind.startswith("text/") else plain


def exit_code(reply: dict[str, Any]) -> int:
    """Return the exit code: 0 for success, the code of a SystemExit, 1 for any other error."""
    if reply.get("status") == "ok":
        return 0
    code = _code(str(reply.get("evalue"))) if reply.get("ename") == "SystemExit" else None
    return _FAILED if code is None else code


def _content(kind: str, value: Any) -> bytes:
    """Decode one rich output; keep it unchanged if it doesn't match its type."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if kind.partition("/")[0] in ("image", "audio", "video") and not kind.endswith("+xml"):
        with suppress(ValueError):
            return base64.b64decode(value)
    return value.encode("utf-8", "replace")


def _code(text: str) -> int | None:
    """Parse the exit code in the text of a SystemExit; None for a message."""
    if text in ("", "None"):
        return 0
    return int(text) & 0xFF if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else None
