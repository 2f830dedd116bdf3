"""python: run one cell in a kernel of the session and show its pictures. Enabled by `--kernel`."""

import base64
import struct
from dataclasses import dataclass, replace

from pydantic import Field

from coder.models.answer_parts import Image
from coder.models.model import JsonObject, ToolSpec
from coder.tools.command_result import DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S, MIN_TIME_S, command_result
from coder.tools.tool import Arguments, Desk, ToolResult, read_arguments, spec_of
from sandbox import BackendMissing

_MAX_PICTURES = 4
_MAX_PICTURE = 1 << 20
_MAX_SIDE = 8000
"""Maximum pixels of a side, as all providers accept."""
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class _PythonArguments(Arguments):
    code: str = Field(min_length=1, description="The cell; the value of its last expression is shown.")
    timeout_s: float = Field(
        DEFAULT_TIMEOUT_S, ge=1, le=MAX_TIMEOUT_S, description="Seconds before it is interrupted."
    )


SPEC = spec_of(
    "python",
    "Run a cell of Python in a Jupyter kernel: what cells define stays from call to call. Pictures that it "
    "displays are kept as files, and shown to you where you can see.",
    _PythonArguments,
)


@dataclass(frozen=True, slots=True)
class PythonTool:
    """The tool `python`."""

    spec: ToolSpec = SPEC
    effect: bool = False

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Run the cell to its end, or interrupt it at its timeout.

        Raises:
            ValueError: no kernel starts; the message is for the model.
        """
        request, kernel = read_arguments(arguments, _PythonArguments, name=SPEC.name), desk.kernel
        if kernel is None:
            raise ValueError("There is no kernel in this run.")
        left_s = max(desk.seconds_left(), MIN_TIME_S)
        try:
            cell = await kernel.execute(
                request.code, wall_s=min(request.timeout_s, left_s), on_output=desk.on_output
            )
        except BackendMissing as error:
            raise ValueError(desk.redact(str(error))) from error
        status_parts = (
            ["the kernel has ended: what earlier cells had defined is gone"] if cell.state_lost else []
        )
        result = command_result(cell.result, desk, has_all=left_s < request.timeout_s, more=status_parts)
        if not desk.sees:
            return result
        pictures = await kernel.read_pictures(cell.number, max_count=_MAX_PICTURES, max_bytes=_MAX_PICTURE)
        images = [
            Image(media_type="image/png", base64=base64.b64encode(content).decode("ascii"))
            for content in pictures
            if is_png(content)
        ]
        return replace(result, images=tuple(images))


def is_png(content: bytes) -> bool:
    """Whether content is a valid PNG; a picture that an endpoint refuses would end the dialogue."""
    is_whole = content.startswith(_PNG) and content[-8:-4] == b"IEND"
    return is_whole and all(0 < side <= _MAX_SIDE for side in struct.unpack_from(">II", content, 16))
