"""What one cell shows, from the kernel's messages to frames for the host."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from sandbox.inner.kernel.kernel_frames import (
    CLEAR,
    DONE,
    ENDING,
    LEFT_OUT,
    MAX_RICH,
    MAX_TEXT,
    MAX_TYPE,
    NUMBER,
    RICH,
    RICH_HEAD,
    STDERR,
    STDOUT,
    TYPE,
)

if TYPE_CHECKING:
    from sandbox.inner.process.channel import Channel

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLAIN = "text/plain"
_NO_TEXT = "<IPython.core.display."
"""What begins so, such as `<IPython.core.display.HTML object>`, says less than the file beside it."""
_FAILED = 1


class Shown:
    """Outputs of one cell, told as they come."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel, self._number = channel, NUMBER.pack(number)
        self._clear_first = False
        self._at_line_start = True
        self._count = 0
        self._named: dict[str, int] = {}
        """Number of each display that can be updated, by its id."""

    def show(self, kind: str, content: dict[str, Any]) -> None:
        """Tell the host of one message of the kernel's; of the other kinds there is nothing to tell."""
        if kind == "clear_output":
            self._clear_first = True
            if not content.get("wait"):
                self._clear()
        elif kind == "stream":
            self._text(STDERR if content["name"] == "stderr" else STDOUT, content["text"])
        elif kind == "error":
            self._error(content)
        elif kind in ("execute_result", "display_data", "update_display_data"):
            self._bundle(content["data"], (content.get("transient") or {}).get("display_id"))

    def finish(self, reply: dict[str, Any]) -> None:
        """Tell the host how the cell ended."""
        leaves = any(part.get("source") == "ask_exit" for part in reply.get("payload") or ())
        self._send(DONE, ENDING.pack(_exit_code(reply), leaves))

    def _error(self, content: dict[str, Any]) -> None:
        """A traceback as the kernel made it; of SystemExit the text alone, as Python prints it."""
        text = "\n".join(content["traceback"])
        if content["ename"] == "SystemExit":
            text = "" if _code(content["evalue"]) is not None else content["evalue"]
        if text:
            self._text(STDERR, _COLOURS.sub("", text).rstrip("\n") + "\n")

    def _bundle(self, data: dict[str, Any], name: str | None) -> None:
        """One output in all the types that it has: its text is printed, the others have one number."""
        text = str(data.get(_PLAIN, ""))
        rich = {kind: value for kind, value in data.items() if kind != _PLAIN}
        if text and not (rich and text.startswith(_NO_TEXT)):
            self._text(STDOUT, ("" if self._at_line_start else "\n") + text + "\n")
        if not rich:
            return
        number = self._named.get(name) if name is not None else None
        if number is None:
            self._count = number = self._count + 1
            if name is not None:
                self._named[name] = number
        for kind, value in rich.items():
            content = _content(kind, value) if TYPE.fullmatch(kind) and len(kind) <= MAX_TYPE else None
            if content is None or len(content) > MAX_RICH:
                self._send(LEFT_OUT, b"")
            else:
                self._send(RICH, RICH_HEAD.pack(number, len(kind)) + kind.encode() + content)

    def _text(self, kind: bytes, text: str) -> None:
        if kind == STDOUT and text:
            self._at_line_start = text.endswith("\n")
        content = text.encode("utf-8", "replace")
        for start in range(0, len(content), MAX_TEXT):
            self._send(kind, content[start : start + MAX_TEXT])

    def _clear(self) -> None:
        self._clear_first = False
        self._at_line_start = True
        self._channel.send(CLEAR + self._number)

    def _send(self, kind: bytes, content: bytes) -> None:
        if self._clear_first and kind != DONE:
            self._clear()
        self._channel.send(kind + self._number + content)


def _content(kind: str, value: Any) -> bytes | None:
    """The bytes of one rich output; None where they aren't what its type says."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if kind.partition("/")[0] in ("image", "audio", "video") and not kind.endswith("+xml"):
        try:
            return base64.b64decode(value)
        except ValueError:
            return None
    return value.encode("utf-8", "replace")


def _exit_code(reply: dict[str, Any]) -> int:
    """0 for a cell that ended well, the code of a SystemExit, 1 for any other error."""
    if reply.get("status") == "ok":
        return 0
    code = _code(str(reply.get("evalue"))) if reply.get("ename") == "SystemExit" else None
    return _FAILED if code is None else code


def _code(text: str) -> int | None:
    """What exit code the text of a SystemExit stands for; None where it is a message."""
    if text in ("", "None"):
        return 0
    return int(text) & 0xFF if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else None
