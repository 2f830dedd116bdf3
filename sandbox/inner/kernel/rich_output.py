"""What one cell shows besides text: every rich output is a file."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from typing import Any

_PLAIN = "text/plain"
_NO_TEXT = "<IPython.core.display."
"""Text that begins so, such as `<IPython.core.display.HTML object>`, says less than the file beside it."""
_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+_-]{1,80}", re.ASCII)
_PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/svg+xml": "svg"}
_ENDINGS = {
    **_PICTURES,
    "text/html": "html",
    "text/markdown": "md",
    "text/latex": "tex",
    "text/javascript": "js",
    "application/javascript": "js",
    "application/json": "json",
    "application/pdf": "pdf",
}


class RichOutput:
    """Outputs of one cell, written as they come."""

    def __init__(self, out: Any, place: str, *, names_pictures: bool) -> None:
        """`out` takes text and knows whether it is at the start of a line; `place` begins paths of files."""
        self._out, self._place, self._names_pictures = out, place, names_pictures
        self._count = 0
        self._named: dict[str, int] = {}
        """Number of each display that can be updated, by its id."""

    def show(self, data: dict[str, Any], name: str | None = None) -> None:
        """Show one output in all its types: its text is printed, the others are files with one number."""
        text = str(data.get(_PLAIN, ""))
        rich = {kind: value for kind, value in data.items() if kind != _PLAIN and _TYPE.fullmatch(kind)}
        if text and not (rich and text.startswith(_NO_TEXT)):
            self._print(text)
        if not rich:
            return
        number = self._named.get(name) if name is not None else None
        is_new = number is None
        if number is None:
            self._count = number = self._count + 1
            if name is not None:
                self._named[name] = number
        for kind, value in rich.items():
            self._keep(kind, value, number, is_new)

    def _keep(self, kind: str, value: Any, number: int, is_new: bool) -> None:
        path = f"{self._place}-{number}.{ending(kind)}"
        content = _content(kind, value)
        try:
            with open(path, "wb") as file:
                file.write(content)
        except OSError as error:
            self._print(f"[{path} can't be written: {error.strerror}]")
            return
        if self._names_pictures and is_new and kind in _PICTURES:
            self._print(f"[picture {kind}, {-(-len(content) // 1024)} KiB, kept as {path}]")

    def _print(self, line: str) -> None:
        with suppress(OSError):  # its reader is gone
            self._out.write(("" if self._out.at_line_start else "\n") + line + "\n")


def ending(kind: str) -> str:
    """The ending of a file's name for a type of content; for an unknown type, its own name."""
    if kind in _ENDINGS:
        return _ENDINGS[kind]
    name, _, syntax = kind.partition("/")[2].lower().partition("+")
    plain = re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "output"
    if syntax in ("json", "xml"):
        return f"{plain}.{syntax}"
    return f"{plain}.txt" if kind.startswith("text/") else plain


def _content(kind: str, value: Any) -> bytes:
    """The bytes of one rich output; where it isn't what its type says, as it came."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, default=repr).encode("utf-8", "replace")
    if kind.partition("/")[0] in ("image", "audio", "video") and not kind.endswith("+xml"):
        with suppress(ValueError):
            return base64.b64decode(value)
    return value.encode("utf-8", "replace")
