"""What programs send and get: requests that are none, limits, and what a model is told of the tools."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from coder.models.model import JsonObject, ToolSpec
from coder.tools import code_mode
from coder.tools.code_mode import ProgramRequests, code_words, module_for
from coder.tools.tool import Desk, Tool, ToolResult, tool_of

Ask = Callable[..., Awaitable[dict[str, Any]]]


def text(length: int) -> str:
    """A text of this length."""
    return "x" * length


def deep(depth: int) -> object:
    """A list in a list."""
    nested_list: list[object] = ["\\"]
    for _ in range(depth):
        nested_list = [nested_list]
    return nested_list


async def unguarded(
    tool: Tool, given: JsonObject, make: Callable[[JsonObject], Awaitable[ToolResult]]
) -> ToolResult:
    return await make(given)


@pytest.fixture
def program(desk: Desk) -> ProgramRequests:
    return ProgramRequests([tool_of(text, effect=False), tool_of(deep)], desk, unguarded)


@pytest.fixture
def ask(program: ProgramRequests) -> Ask:
    async def asked(name: str, **given: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await program.answer(json.dumps([name, given]).encode()))
        return answer

    return asked


@pytest.mark.parametrize(
    "request_", [b"", b"{}", b"[]", b"7", b'["a"]', b'[1, {}]', b'["a", []]', b'{"a": 1, "b": {}}']
)  # fmt: skip
async def test_what_is_no_request_is_a_value_error(program: ProgramRequests, request_: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        await program.answer(request_)


async def test_a_value_deeper_than_we_walk_is_told(desk: Desk) -> None:
    class Made:
        spec = ToolSpec(name="made", description="Made.", parameters={})
        effect = False

        async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
            return ToolResult("[" * 900 + '"\\n"' + "]" * 900, is_json=True)

    assert b"error" in await ProgramRequests([Made()], desk, unguarded).answer(b'["made", {}]')


async def test_an_unknown_tool_and_a_deep_value_are_told(ask: Ask) -> None:
    assert "There is no tool 'nothing'" in (await ask("nothing"))["error"]
    assert (await ask("deep", depth=3))["value"] == [[[["\\"]]]]
    assert "error" in await ask("deep", depth=5000)


@pytest.mark.slow
async def test_results_and_requests_are_bounded_in_all(ask: Ask) -> None:
    assert "larger than 8 MiB" in (await ask("text", length=(8 << 20) + 1))["error"]
    for _ in range(8):
        assert len((await ask("text", length=8 << 20))["value"]) == 8 << 20
    assert "of 64 MiB" in (await ask("text", length=1))["error"]


async def test_calls_are_bounded_in_all(ask: Ask, program: ProgramRequests) -> None:
    program._calls = code_mode.CALLS - 1

    assert await ask("text", length=1) == {"value": "x"}
    assert "may make 10,000 calls" in (await ask("text", length=1))["error"]


async def test_time_is_bounded_in_all(ask: Ask, program: ProgramRequests) -> None:
    with program.clock.running():
        program.clock._since -= code_mode.SECONDS + 1

    assert "600 s in all" in (await ask("text", length=1))["error"]


async def test_only_the_time_of_tools_is_excused_and_no_refusal(ask: Ask, program: ProgramRequests) -> None:
    program._calls = code_mode.CALLS
    before_s = program.clock.seconds

    await asyncio.gather(*(ask("text", length=1) for _ in range(20)))
    await ask("nothing")

    assert program.clock.seconds == before_s


def test_signatures_are_those_of_the_schema_whatever_that_holds() -> None:
    properties: JsonObject = {
        "a": {"type": "string"},
        "b": {"type": ["null", "array"]},
        "c": True,
        "d\n": {"default": 1},
    }
    spec = ToolSpec(
        name="x-y", description="First.\nMore.", parameters={"properties": properties, "required": ["a"]}
    )

    class Made:
        effect = False

        def __init__(self) -> None:
            self.spec = spec

        async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
            return ToolResult("")

    assert code_words([Made()], "tools").endswith("- x_y(a: str, b = ..., c = ..., d = 1): First.")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.py", "tools"),
        ("mytools/a.py", "tools"),
        ("tools/a.sh", "coder_tools"),
        ("src/tools.py", "coder_tools"),
    ],
)
def test_the_module_hides_none_of_the_workspaces(path: str, name: str) -> None:
    assert module_for([path]) == name
