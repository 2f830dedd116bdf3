"""A model lists and reads the resources of MCP servers, and those that a tool's result links to."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from coder import Mcp
from coder.models.abilities import Abilities
from coder.models.scripted import Scripted
from coder.run.extensions import Rules
from coder.tools.mcp_resources import McpResources, ResourceTool
from coder.tools.shortened import whole_size
from coder.tools.tool import Desk, ToolResult
from tests.coder.tools.test_mcp_client import ROUGH, opened
from tests.coder.tools.test_mcp_everything import about as about
from tests.coder.tools.test_mcp_roots import OFFERS
from tests.coder.tools.test_mcp_runs import ACTS, RIGHT, TASK, call, told, worked
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]
BLIND = Desk(None, lambda: 600.0, lambda text: text)  # type: ignore[arg-type]
SEEING = Desk(None, lambda: 600.0, lambda text: text, sees=True)  # type: ignore[arg-type]


def offers(name: str = "it", how: str = "", **more: object) -> Mcp:
    return Mcp(name, command=(sys.executable, str(OFFERS), how), **more)  # type: ignore[arg-type]


@asynccontextmanager
async def resources(*servers: Mcp) -> AsyncIterator[ResourceTool]:
    """The tool for the resources of these servers."""
    async with AsyncExitStack() as stack:
        ready = [(await stack.enter_async_context(opened(server, BLIND))).server for server in servers]
        (tool,) = await McpResources(ready).tools()
        assert isinstance(tool, ResourceTool)
        yield tool


async def read(tool: ResourceTool, uri: str = "", server: str = "", desk: Desk = BLIND) -> ToolResult:
    return await tool.call({"uri": uri, "server": server}, desk)


async def test_resources_are_listed_with_their_server_without_characters_that_nobody_sees() -> None:
    async with resources(offers()) as tool:
        listing = await read(tool)

    assert listing.text.splitlines() == [
        "it:",
        "  it://notes notes, text/plain, Notes of the team.",
        "  it://dot dot, image/png",
        "  it://archive archive, application/zip",
        "  it://long long",
    ]


async def test_a_text_is_read_plain_bounded_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE_OF_IT", "s3cret-place")
    async with resources(offers(env=("PLACE_OF_IT",))) as tool:
        notes = await read(tool, "it://notes")
        long = await read(tool, "it://long")

    assert notes.text == "[it://notes]\nUse [redacted]."
    assert len(long.text) <= whole_size()
    assert long.text.endswith("line 199999")


async def test_a_picture_is_shown_to_a_model_that_sees_and_other_binary_parts_are_named() -> None:
    async with resources(offers()) as tool:
        seen = await read(tool, "it://dot", desk=SEEING)
        unseen = await read(tool, "it://dot")
        archive = await read(tool, "it://archive", desk=SEEING)

    assert (seen.text, [image.media_type for image in seen.images]) == ("[it://dot image/png]", ["image/png"])
    assert (unseen.text, unseen.images) == ("[it://dot image/png: binary, not shown]", ())
    assert (archive.text, archive.images) == ("[it://archive application/zip: binary, not shown]", ())


async def test_what_no_server_has_is_an_error_for_the_model() -> None:
    async with resources(offers()) as tool:
        with pytest.raises(ValueError, match="The MCP server it gave an error: not here"):
            await read(tool, "it://nowhere")
        with pytest.raises(ValueError, match=r"'other' has no resources\. Name one of: it"):
            await read(tool, "it://notes", "other")


async def test_of_several_servers_the_one_that_lists_a_resource_reads_it_or_is_named() -> None:
    async with resources(offers("one"), offers("two"), offers("bare", "bare")) as tool:
        assert "MCP servers (one, two)" in tool.spec.description
        with pytest.raises(ValueError, match=r"Say which server has 'it://notes'\. Name one of: one, two"):
            await read(tool, "it://notes")
        assert (await read(tool, "it://notes", "two")).text.startswith("[it://notes]")


async def test_the_tool_is_not_offered_where_no_server_lists_a_resource() -> None:
    async with (
        opened(offers(how="bare"), BLIND) as bare,
        opened(Mcp("rough", command=(sys.executable, str(ROUGH))), BLIND) as rough,
    ):
        assert await McpResources([bare.server, rough.server]).tools() == []


@pytest.mark.slow
async def test_a_server_that_never_lists_its_resources_keeps_its_tools_and_prompts() -> None:
    async with opened(offers(how="hang"), BLIND) as one:
        assert (await one.call("roots")).text == "none"
        assert [prompt.name for prompt in one.server.prompts] == ["hello", "review", "two words"]
        assert await McpResources([one.server]).tools() == []


async def test_a_resource_that_is_new_is_listed() -> None:
    async with opened(offers(), BLIND) as one:
        await one.call("more")
        (tool,) = await McpResources([one.server]).tools()
        assert "it://hidden" in (await tool.call({}, BLIND)).text


async def test_rules_deny_or_ask_about_the_resources_of_a_server() -> None:
    async with resources(offers("one"), offers("two")) as tool:
        denied = tool.governed(Rules(deny=("mcp__one",)))
        asked = tool.governed(Rules(ask=("mcp__two__read_resource",)))
        none = tool.governed(Rules(deny=("mcp__*",)))

    assert denied is not None
    assert asked is not None
    assert (list(denied.servers), denied.asks, asked.asks, none) == (["two"], False, True, None)


@pytest.mark.slow
async def test_a_model_reads_what_a_tools_result_links_to_without_a_question() -> None:
    answers = [call("it_link"), call("read_resource", uri="it://hidden"), RIGHT]
    run, model = await worked(answers, offers())

    assert run.status == "solved"
    assert [text.partition("\n\n")[0] for text in told(model)[:2]] == [
        "[it://hidden hidden]",
        "[it://hidden]\nIt isn't listed.",
    ]


@pytest.mark.slow
async def test_a_picture_of_a_resource_is_in_the_request_of_a_model_that_sees() -> None:
    model = Scripted([call("read_resource", uri="it://dot"), RIGHT], abilities=Abilities(sees=True))
    await solve(TASK, model=model, tools=(offers(),), settings=ACTS, log=MemoryLog())

    (result,) = [message for message in model.requests[1].messages if message.role == "tool"]
    assert [image.media_type for image in result.images] == ["image/png"]


@pytest.mark.foreign
@pytest.mark.slow
async def test_the_resources_of_the_reference_server_are_listed_and_read(about: Mcp) -> None:
    async with opened(about, SEEING) as one:
        (tool,) = await McpResources([one.server]).tools()
        listing = (await tool.call({}, SEEING)).text
        text = await tool.call({"uri": "demo://resource/dynamic/text/1"}, SEEING)
        blob = await tool.call({"uri": "demo://resource/dynamic/blob/1"}, SEEING)

    assert "demo://resource/dynamic/text/{resourceId}" in listing
    assert "Resource 1" in text.text
    assert "demo://resource/dynamic/blob/1" in blob.text
