"""What a container says of its files is looked at: programs have the uid of the process that says it."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import SandboxBroken
from sandbox.docker.container_files import ContainerFiles

ENTRY = {"name": "a", "kind": "file", "size": 1, "executable": False}


def saying(answer: object) -> ContainerFiles:
    async def ask(request: object, *, most: int) -> tuple[dict[str, object], bytes]:
        return {}, json.dumps(answer).encode()

    policy = SimpleNamespace(policy=SimpleNamespace(files=9))
    prepared: Any = SimpleNamespace(ask=ask, container=SimpleNamespace(recipe=policy))
    return ContainerFiles(prepared)


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
