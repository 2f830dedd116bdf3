"""Hooks, skills, plugins and subagents reach a session of an editor as they do a command's run."""

import asyncio
import json
from pathlib import Path

import pytest
from acp import RequestError
from acp.schema import AgentThoughtChunk, ToolCallProgress, ToolCallStart

from tests.coder.config.test_plugins import make_plugin
from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_hooks import home
from tests.coder.people.cli.test_session_hooks import add_hooks, requests_of
from tests.faulty_endpoint import calls, faulty_endpoint, says


@pytest.mark.slow
async def test_hooks_of_an_editors_session_start_add_block_and_end(console: Console, project: Path) -> None:
    log = home(console) / "seen.jsonl"
    block = "grep -q customer && { echo It names a customer. >&2; exit 2; } || echo Ticket 77."
    add_hooks(
        home(console),
        SessionStart=f"cat >>{log}; echo >>{log}",
        UserPromptSubmit=block,
        Stop=f"cat >>{log}; echo >>{log}",
        SessionEnd=f"cat >>{log}; echo >>{log}",
    )
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            await editor.say(session, "What is this?")
            with pytest.raises(RequestError, match="It names a customer"):
                await editor.say(session, "Write to the customer.")
            await editor.say(session, "And that?")

    event_names = [json.loads(line)["hook_event_name"] for line in log.read_text().splitlines()]
    assert event_names == ["SessionStart", "Stop", "Stop", "SessionEnd"]
    assert "Ticket 77." in requests_of(endpoint)[0]
    assert not any("Write to the customer" in request for request in requests_of(endpoint))


@pytest.mark.slow
async def test_an_editor_is_shown_a_call_that_a_hook_blocks(console: Console, project: Path) -> None:
    add_hooks(home(console), PreToolUse="echo Not today. >&2; exit 2")
    with faulty_endpoint(calls("bash", command="ls"), says("Hello.")) as endpoint:
        async with editing(console, endpoint, more_flags=("--strategy", "act")) as editor:
            await editor.say(await editor.open(project), "What is this?")

    started = [update for update in editor.updates if isinstance(update, ToolCallStart)]
    ended = [update for update in editor.updates if isinstance(update, ToolCallProgress)]
    assert [update.title for update in started] == ["bash"]
    assert [(update.tool_call_id, update.status) for update in ended] == [(started[0].tool_call_id, "failed")]
    assert "Not today." in ended[0].content[0].content.text


@pytest.mark.slow
async def test_a_slow_hook_is_named_to_an_editor(console: Console, project: Path) -> None:
    named = home(console) / "named"
    add_hooks(home(console), UserPromptSubmit=f"until [ -e {named} ]; do sleep 0.02; done")
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            saying = asyncio.create_task(editor.say(await editor.open(project), "What is this?"))
            await editor.until(AgentThoughtChunk, "a hook of UserPromptSubmit runs: until [")
            named.touch()
            await saying


@pytest.mark.slow
async def test_skills_commands_and_subagents_of_plugins_serve_an_editors_session(
    console: Console, project: Path
) -> None:
    make_plugin(home(console) / ".agents/plugins", "store")
    make_plugin(project / ".agents/plugins")
    script = (
        calls("skill", name="shop:price"),
        calls("delegate", agent="store:clerk", task="Greet."),
        says("Good day."),
        says("Three."),
    )
    (home(console) / ".agents/plugins/store/.mcp.json").unlink()
    (home(console) / ".agents/plugins/store/hooks/hooks.json").unlink()
    (project / ".agents/plugins/shop/hooks/hooks.json").unlink()
    with faulty_endpoint(*script) as endpoint:
        async with editing(console, endpoint, more_flags=("--strategy", "act")) as editor:
            await editor.say(await editor.open(project), "/shop:sell tea")

    first, after_skill, of_clerk, last = requests_of(endpoint)[:4]
    assert "Sell tea." in first
    assert "- store:price (the user's own): Knows prices." in first
    assert "Tea is 3." in after_skill
    assert "Be kind." in of_clerk
    assert "Good day." in last
    assert "shop is ignored: its MCP servers are not allowed" in editor.text() + editor.thoughts
