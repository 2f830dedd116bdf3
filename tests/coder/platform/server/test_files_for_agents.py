"""Hooks, skills and subagents of the operator reach a run that a server's client requests."""

import asyncio
import json
from pathlib import Path

import httpx2
import pytest

from tests.coder.config.test_plugins import make_plugin
from tests.coder.people.cli.test_session_hooks import add_hooks, requests_of
from tests.coder.people.cli.test_solve import ADD, TASK
from tests.coder.platform.server.served import Server, configure
from tests.coder.platform.server.test_acts import CHECKS, ended
from tests.faulty_endpoint import calls, faulty_endpoint, says


async def until_ended(log: Path, times: int) -> None:
    """Wait for the hooks of the end, which run after the last event of a run."""
    async with asyncio.timeout(300):
        while log.read_text().count("SessionEnd") < times:  # noqa: ASYNC110 - a hook tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_hooks_skills_and_subagents_serve_a_clients_run(
    server: Server, client: httpx2.AsyncClient
) -> None:
    home, log = server.console.home, server.console.home / "seen.jsonl"
    add_hooks(
        home,
        SessionStart=f"cat >>{log}; echo >>{log}; echo Ticket 77.",
        UserPromptSubmit="grep -q customer && { echo It names a customer. >&2; exit 2; } || true",
        SessionEnd=f"cat >>{log}; echo >>{log}",
    )
    plugin = make_plugin(home / ".agents/plugins")
    (plugin / ".mcp.json").unlink()
    (plugin / "hooks/hooks.json").unlink()
    (server.root / "project").mkdir()
    task = {"workspace": "project", "checks": CHECKS}
    script = (
        calls("skill", name="shop:price"),
        calls("delegate", agent="shop:clerk", task="Greet."),
        says("Good day."),
        calls("edit", path="solution.py", new=ADD),
        calls("done", summary="Done."),
    )
    with faulty_endpoint(*script) as endpoint:
        configure(home, base_url=endpoint.url, model="toy", strategy="act")
        run = (await client.post("/runs", json=task | {"prompt": TASK})).json()["run_id"]
        document = await ended(client, run)
        await until_ended(log, 1)
        blocked = await client.post("/runs", json=task | {"prompt": "Write to the customer."})
        await until_ended(log, 2)

    first, after_skill, of_clerk, after_clerk = requests_of(endpoint)[:4]
    assert document["status"] == "solved", document
    assert "Ticket 77." in first
    assert ("Tea is 3." in after_skill, "Be kind." in of_clerk, "Good day." in after_clerk) == (True,) * 3
    assert not any("Write to the customer" in request for request in requests_of(endpoint))
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted(each["hook_event_name"] for each in events) == ["SessionEnd"] * 2 + ["SessionStart"] * 2
    assert Path(events[0]["cwd"]) == server.root / "project"
    assert blocked.status_code == 422, blocked.text
    assert "It names a customer" in blocked.text
