"""Run the cells of a notebook in a new kernel; print the outputs of each as a separate line of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from sandbox.inner.kernel.kernel_client import Client

_MAX_CHARACTERS = 4 << 20
"""Maximum length of a cell's line; what the cell prints or shows beyond it is dropped."""
_GRACE_S = 5.0
"""Seconds from the interrupt of a cell until its kernel is killed."""


class NotebookOutputs:
    """The outputs of one cell."""

    def __init__(self) -> None:
        self.texts = {"stdout": "", "stderr": ""}
        self.display: list[dict[str, Any]] = []
        """Data by content type, of each output that is shown."""
        self.error: list[dict[str, Any]] = []
        """Content of each `error` message of the kernel."""
        self._room = _MAX_CHARACTERS

    def show(self, kind: str, content: dict[str, Any]) -> None:
        """Record a message of the kernel that contains output; ignore other kinds."""
        if kind == "stream":
            text = content["text"][: self._room]
            self._room -= len(text)
            self.texts[content["name"]] += text
        elif kind == "error":
            self._take(self.error, {key: content[key] for key in ("ename", "evalue", "traceback")})
        elif kind in ("execute_result", "display_data", "update_display_data"):
            self._take(self.display, content["data"])

    def _take(self, items: list[dict[str, Any]], item: dict[str, Any]) -> None:
        length = len(json.dumps(item))
        if length <= self._room:
            self._room -= length
            items.append(item)


def run_notebook() -> None:
    """Run the cells on standard input, a JSON object of `cells` and `cell_s`, in a new kernel.

    The argument is the kernel's folder. A cell that has run for `cell_s` seconds (0: no limit) is
    interrupted, and is the last. Each line has `stdout`, `stderr`, `display`, `error` and `is_late`.
    """
    notebook = json.load(sys.stdin)
    client = Client(sys.argv[1])
    for source in notebook["cells"]:
        outputs = NotebookOutputs()
        alarms: list[int] = []

        def end(
            number: int, frame: object, alarms: list[int] = alarms, outputs: NotebookOutputs = outputs
        ) -> None:
            alarms.append(number)
            if len(alarms) == 1:
                client.interrupt()
            else:
                _print(outputs, is_late=True)
                client.kill()

        signal.signal(signal.SIGALRM, end)
        client.begin(source, outputs)
        signal.setitimer(signal.ITIMER_REAL, notebook["cell_s"], _GRACE_S)
        while client.busy:
            client.step()
        signal.setitimer(signal.ITIMER_REAL, 0)
        _print(outputs, is_late=bool(alarms))
        if alarms or client.leaves:
            break
    os._exit(0)


def _print(outputs: NotebookOutputs, *, is_late: bool) -> None:
    line = {**outputs.texts, "display": outputs.display, "error": outputs.error, "is_late": is_late}
    print(json.dumps(line), flush=True)
