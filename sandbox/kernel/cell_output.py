"""What one cell has shown so far, bounded: text as for any program, rich outputs as artifacts."""

import re
from collections.abc import Sequence

from sandbox.contract import OnOutput
from sandbox.files.written_files import MAX_ARTIFACTS, MAX_BYTES
from sandbox.host.execution import FLOOD
from sandbox.host.output import Output, Streams
from sandbox.kernel.kernel_messages import Rich, Said, Sign, Text
from sandbox.result import Artifact

_ENDINGS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/svg+xml": "svg",
    "text/html": "html",
    "text/markdown": "md",
    "text/latex": "tex",
    "text/javascript": "js",
    "application/javascript": "js",
    "application/json": "json",
    "application/pdf": "pdf",
}
_OVERHEAD = 64
"""Bytes that a frame counts for besides its content: many empty ones are a flood as well."""


class Shown:
    """Gathers the outputs of one cell."""

    def __init__(self, cell: int, output_bytes: int, on_output: OnOutput | None) -> None:
        self._cell, self._limit, self._on_output = cell, output_bytes, on_output
        self._output = Output(output_bytes)
        self._rich: dict[str, bytes] = {}
        self._room = MAX_BYTES
        self._left_out = 0
        self._heard = 0

    @property
    def is_flood(self) -> bool:
        """The cell has said so much that it is to be ended."""
        return self._heard > FLOOD * self._limit + MAX_BYTES

    @property
    def artifacts(self) -> Sequence[Artifact]:
        """Rich outputs by path."""
        return [
            Artifact(path=path, size=len(self._rich[path]), content=self._rich[path]) for path in self._rich
        ]

    @property
    def left_out(self) -> int:
        """Rich outputs that were too many or too large."""
        return self._left_out

    def streams(self) -> Streams:
        """What it wrote, as fields of a Result."""
        return self._output.streams()

    def hear(self, frame_bytes: int) -> None:
        """Count a frame, whatever it says."""
        self._heard += frame_bytes + _OVERHEAD

    def take(self, said: Said) -> None:
        """Add what the cell shows."""
        if isinstance(said, Text):
            self.write(said)
        elif isinstance(said, Rich):
            self._keep(said)
        elif said == Sign("clear"):
            self._output, self._rich, self._room = Output(self._limit), {}, MAX_BYTES
        elif said == Sign("left out"):
            self._left_out += 1

    def write(self, text: Text) -> None:
        """Add to a stream, and tell whoever listens."""
        self._output.add(text.stream, text.content)
        if self._on_output is not None:
            self._on_output(text.stream, text.content)

    def _keep(self, rich: Rich) -> None:
        path = f"cell-{self._cell}-{rich.number}.{_ending(rich.type)}"
        before = self._rich.get(path)
        room = self._room + len(before or b"")
        if len(rich.content) > room or (before is None and len(self._rich) == MAX_ARTIFACTS):
            self._left_out += 1
            return
        self._room = room - len(rich.content)
        self._rich[path] = rich.content


def _ending(kind: str) -> str:
    """End of a file's name by the type of its content; of an unknown one the type itself."""
    if kind in _ENDINGS:
        return _ENDINGS[kind]
    name, _, syntax = kind.partition("/")[2].lower().partition("+")
    plain = re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "output"
    return (
        f"{plain}.{syntax}" if syntax in ("json", "xml") else f"{plain}.txt" if kind[:5] == "text/" else plain
    )
