"""What an agent says of its files is validated."""

import json
from typing import Any

import pytest

from sandbox import SandboxBroken
from sandbox.stream.stream_files import StreamFiles

ENTRY = {"name": "a", "kind": "file", "size": 1, "executable": False}


def saying(answer: object) -> StreamFiles:
    link: Any = None
    files = StreamFiles(link, most_bytes=1 << 20, most_files=9)

    async def ask(request: object, content: bytes = b"", *, most: int) -> tuple[dict[str, object], bytes]:
        return {}, json.dumps(answer).encode()

    files.ask = ask  # type: ignore[method-assign]
    return files


@pytest.mark.parametrize(
    "entry",
    [
        *({**ENTRY, "name": name} for name in ("../a", "..", ".", "", "/a", "a/b", "a\0")),
        {**ENTRY, "size": -1},
        [],
        {},
    ],
)
async def test_no_entry_is_taken_that_no_folder_holds(entry: object) -> None:
    with pytest.raises(SandboxBroken):
        await saying([ENTRY, entry]).list(".")


async def test_an_entry_that_a_folder_holds_is_taken() -> None:
    assert [entry.name for entry in await saying([ENTRY]).list(".")] == ["a"]
