"""MCP servers that misbehave cost their own tools alone."""

import asyncio
import json
import os
import resource
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from coder.base import json_schema
from coder.config.mcp_servers import Mcp
from coder.models.model import JsonObject
from coder.tools import mcp_client
from coder.tools.mcp_client import McpServer
from coder.tools.mcp_tool import MAX_TOOLS, McpTool
from coder.tools.shortened import whole_size
from coder.tools.tool import Desk, ToolResult
from tests.coder.tools.conftest import SECRET
from tests.processes import processes_with, wait_until

ROUGH = Path(__file__).with_name("rough_mcp.py")
Opens = Callable[..., AbstractAsyncContextManager["Opened"]]


class Opened:
    """A server, what the user was told of it, and its tools by the names that a model sees."""

    def __init__(self, server: McpServer, notes: list[str], desk: Desk) -> None:
        self.server, self.notes, self.desk = server, notes, desk
        self.tools: dict[str, McpTool] = {}

    async def call(self, name: str, **given: object) -> ToolResult:
        arguments: JsonObject = json.loads(json.dumps(given))
        return await self.tools[f"it_{name}"].call(arguments, self.desk)


@asynccontextmanager
async def opened(about: Mcp, desk: Desk) -> AsyncIterator[Opened]:
    notes: list[str] = []
    server = McpServer(about, notes.append)
    try:
        one = Opened(server, notes, desk)
        one.tools = {tool.spec.name: tool for tool in await server.tools()}
        yield one
    finally:
        await server.close()


@pytest.fixture
def desk() -> Desk:
    """No session is needed here."""
    redact = lambda text: text.replace(SECRET, "[redacted]")  # noqa: E731
    return Desk(None, lambda: 600.0, redact)  # type: ignore[arg-type]


@pytest.fixture
def rough(desk: Desk) -> Opens:
    """Opens the server that misbehaves."""
    return lambda how="", **more: opened(Mcp("it", command=(sys.executable, str(ROUGH), how), **more), desk)


async def test_a_tool_is_called_with_arguments_that_fit_its_schema_alone(rough: Opens) -> None:
    async with rough() as one:
        assert (await one.call("say", text="hello")).text == "hello"
        with pytest.raises(ValueError, match="'text' is a required property"):
            await one.call("say")
        with pytest.raises(ValueError, match="text: 5 is not of type 'string'"):
            await one.call("say", text=5)


async def test_names_are_what_providers_take_and_each_stands_once(rough: Opens) -> None:
    async with rough() as one:
        names = list(one.tools)

    assert all(name.startswith("it_") and len(name) <= 64 for name in names)
    assert "it_dotted_name_with_spaces" in names
    assert len({name for name in names if name.startswith("it_dotted_name_with_spaces")}) == 2
    assert len({name for name in names if name.startswith("it_longlong")}) == 1


@pytest.mark.slow
async def test_only_what_may_change_something_has_an_effect_and_is_asked_about(rough: Opens) -> None:
    async with rough(allow=("note",)) as one:
        kinds = {
            name: (one.tools[f"it_{name}"].effect, one.tools[f"it_{name}"].asks)
            for name in ("say", "note", "set")
        }
    async with rough() as one:
        asks = one.tools["it_note"].asks

    assert kinds == {"say": (False, False), "note": (True, False), "set": (False, False)}
    assert asks


@pytest.mark.slow
async def test_a_result_is_plain_bounded_text_without_secrets(
    rough: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE_OF_IT", "hidden-away")
    async with rough(env=("PLACE_OF_IT",)) as one:
        many = await one.call("many")
        secret = await one.call("say", text=f"{SECRET} hidden-away")
        parts = await one.call("parts")
        data = await one.call("data")

    assert len(many.text) <= whole_size()
    assert many.text.startswith("line 0\n")
    assert many.text.endswith("line 199999")
    assert secret.text == "[redacted] [redacted]"
    assert parts.text.splitlines() == [
        "red",
        "[image image/png, 96 characters of base64: not shown]",
        "[image image/png, 64 characters of base64: not shown]",
        "[image image/png, 16 characters of base64: not shown]",
        "[audio audio/wav, 4 characters of base64: not shown]",
        "[file:///notes.txt]",
        "from the notes",
        "[file:///a.bin: binary, not shown]",
        "[https://example.org/x x]",
    ]
    assert data.text == '{"degrees": 7}'


@pytest.mark.slow
async def test_a_program_that_calls_gets_data_and_whole_texts(rough: Opens, desk: Desk) -> None:
    program = replace(desk, whole=True)
    async with rough() as one:
        data = await one.tools["it_data"].call({}, program)
        many = await one.tools["it_many"].call({}, program)

    assert (data.text, data.is_json) == ('{"degrees": 7}', True)
    assert (len(many.text.splitlines()), many.is_json) == (200_000, False)


async def test_a_model_that_sees_is_shown_pictures_that_are_some(rough: Opens, desk: Desk) -> None:
    seeing = replace(desk, sees=True)
    async with rough() as one:
        result = await one.tools["it_parts"].call({}, seeing)

    assert [image.media_type for image in result.images] == ["image/png"]
    assert result.text.splitlines()[:3] == [
        "red",
        "[image image/png, 64 characters of base64: not shown]",
        "[image image/png, 16 characters of base64: not shown]",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("fail", "the disk is full"),
        ("refuse", "gave an error: .*not here"),
        ("lie", "sent a result that can't be read"),
        ("shape", "sent a result that can't be read"),
    ],
)
async def test_a_call_that_fails_is_told_to_the_model_and_the_server_lives(
    rough: Opens, tool: str, said: str
) -> None:
    async with rough() as one:
        with pytest.raises(ValueError, match=said):
            await one.call(tool)
        assert (await one.call("say", text="still here")).text == "still here"
        assert one.notes == []


async def test_a_server_that_dies_in_a_call_is_told_once_and_to_each_call(rough: Opens) -> None:
    async with rough() as one:
        with pytest.raises(
            ValueError, match=r"broke the call off: Connection closed\. What the call did is not known"
        ):
            await one.call("die")
        with pytest.raises(ValueError, match="has ended: its tools can't be called in this turn"):
            await one.call("say", text="?")
        assert one.notes == ["MCP server it broke a call off: Connection closed"]


@pytest.mark.slow
async def test_a_server_that_has_died_starts_again_with_the_next_turn(rough: Opens) -> None:
    async with rough() as one:
        with pytest.raises(ValueError, match="broke the call off"):
            await one.call("die")
        await one.server.tools()
        assert (await one.call("say", text="again")).text == "again"


@pytest.mark.slow
async def test_a_server_that_hangs_in_a_call_is_left_at_the_end_of_the_time(rough: Opens, desk: Desk) -> None:
    hasty = replace(desk, seconds_left=lambda: 0.2)
    async with rough() as one:
        with pytest.raises(ValueError, match=r"gave no answer in 0 s\. What the call did is not known"):
            await one.tools["it_hang"].call({}, hasty)


async def test_noise_on_stderr_and_on_stdout_does_no_harm(rough: Opens) -> None:
    async with rough("banner") as one:
        assert (await one.call("flood")).text == "flooded"
        assert one.notes == []


async def test_a_text_that_was_cut_within_a_character_is_read_without_it(rough: Opens) -> None:
    async with rough() as one:
        assert (await one.call("half")).text == "cut within \ufffd"


@pytest.mark.slow
async def test_a_result_of_200_mb_ends_its_server_and_takes_little_memory(rough: Opens) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with rough() as one:
        with pytest.raises(ValueError, match="broke the call off"):
            await one.call("huge")

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120 << 10


async def test_a_server_gets_no_variable_but_the_usual_and_the_named(
    rough: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("NAMED", "given-by-name")
    async with rough(env=("NAMED",)) as one:
        got = json.loads((await one.call("environment")).text)

    assert got.pop("NAMED") == "[redacted]"
    assert set(got) <= {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LC_CTYPE"}


async def test_a_list_that_changes_changes_what_can_be_called(rough: Opens) -> None:
    async with rough() as one:
        await one.call("grow")
        now = {tool.spec.name: tool for tool in await one.server.tools()}

        assert (await now["it_grown"].call({}, one.desk)).text == "grown is done"
        with pytest.raises(ValueError, match="has no tool say any more"):
            await one.call("say", text="?")


@pytest.mark.slow
async def test_tools_that_no_model_could_call_are_left_out_by_name(rough: Opens) -> None:
    async with rough("liars") as one:
        assert one.notes == [
            "MCP server it: left out, as no model could call it: no_schema, large, elsewhere"
        ]
        with pytest.raises(ValueError, match="schema of it_endless can't be used"):
            await one.call("endless", a=1)
        for name in ("slow", "dialect"):
            assert (await one.call(name, a="a" * 40 + "!")).text == f"{name} is done"
        assert (await one.call("names", **{"a" * 40 + "!": 1})).text == "names is done"


async def test_no_part_of_a_schema_holds_what_nobody_sees(rough: Opens) -> None:
    async with rough("hidden") as one:
        assert one.notes == ["MCP server it: left out, as no model could call it: tagged, chosen"]
        spec = one.tools["it_described"].spec
        assert (await one.call("described", end="\r\n")).text == "described is done"

    assert spec.description == "Reads it."
    assert spec.parameters["description"] == "a file"
    assert spec.parameters["properties"]["end"] == {"description": "line end", "enum": ["\n", "\r\n"]}


@pytest.mark.slow
async def test_a_schema_that_asks_for_no_end_of_looks_ends_the_call(
    rough: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_schema, "CHECK_S", 0.1)  # a figure, and no behaviour
    async with rough("liars") as one:
        with pytest.raises(ValueError, match=r"can't be used: the check takes more than 0.1 s"):
            await one.call("doubling")
        assert (await one.call("say", text="hello")).text == "hello"


async def test_a_list_that_is_none_costs_the_tools_of_its_server(rough: Opens) -> None:
    async with rough("no object") as one:
        assert one.tools == {}
        assert "Input should be 'object'" in one.notes[0]


@pytest.mark.slow
async def test_no_more_tools_are_offered_than_providers_take(rough: Opens) -> None:
    async with rough("crowd") as one:
        assert len(one.tools) == MAX_TOOLS
        assert len(one.notes) == 1


async def test_a_server_that_ends_at_once_is_told_with_what_it_said(rough: Opens) -> None:
    async with rough("exit") as one:
        assert one.tools == {}
        (note,) = one.notes
    assert "MCP server it can't be used: " in note
    assert "on stderr: no database at s3cret-place" in note


async def test_a_program_that_is_not_there_is_told(desk: Desk) -> None:
    async with opened(Mcp("it", command=("no-such-program-x",)), desk) as one:
        assert one.tools == {}
        assert "No such file or directory: 'no-such-program-x'" in one.notes[0]


async def test_a_variable_that_is_not_set_is_told(rough: Opens) -> None:
    async with rough(env=("NOT_SET_X",)) as one:
        assert "the variable NOT_SET_X isn't set" in one.notes[0]


@pytest.mark.slow
async def test_a_server_that_never_starts_is_told_and_killed(
    rough: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_client, "START_S", 0.5)  # a figure, and no behaviour
    async with rough("hang") as one:
        assert one.tools == {}
        assert "has not started within" in one.notes[0]
    assert processes_with(f"{ROUGH}\0hang") == []


@pytest.mark.slow
async def test_what_a_server_has_started_ends_with_it(rough: Opens) -> None:
    async with rough() as one:
        child = int((await one.call("child")).text)

    assert wait_until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.slow
async def test_a_server_is_closed_from_another_task_with_a_call_under_way(rough: Opens) -> None:
    async with rough() as one:
        call = asyncio.create_task(one.call("hang"))
        await asyncio.sleep(0)  # it is under way
        await asyncio.create_task(one.server.close())
        with pytest.raises(ValueError, match="broke the call off"):
            await call
        assert one.notes == []


@pytest.mark.slow
async def test_servers_open_and_close_without_a_process_or_a_descriptor_left(rough: Opens) -> None:
    async with rough():
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            async with rough("often") as one:
                assert one.tools
        assert len(os.listdir("/proc/self/fd")) == before
    assert processes_with(f"{ROUGH}\0often") == []


@pytest.mark.slow
async def test_a_flood_of_noise_on_stdout_does_not_hold_the_run(rough: Opens) -> None:
    async with rough() as one:
        call = asyncio.create_task(one.call("noise"))
        turns = 0
        while not call.done():
            await asyncio.sleep(0)
            turns += 1

        assert call.result().text == "noise is done"
        assert turns > 1000
