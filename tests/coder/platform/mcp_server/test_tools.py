"""The tools in this process: what a client can't see from outside."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from coder.base.errors import UsageError
from coder.platform.mcp_server.tools import server_of
from coder.platform.served_flows import FlowRuns
from coder.run.settings import Settings
from coder.show import client_runs as runs
from tests.coder.people.cli.test_solve import TASK
from tests.coder.platform.mcp_server.served import words


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_CONFIG_HOME", "CODER_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path


async def test_no_more_work_at_once_than_there_are_processors(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most = 0, 0

    async def run_job(*given: object) -> tuple[Any, str]:
        nonlocal at_once, most
        at_once, most = at_once + 1, max(most, at_once + 1)
        for _ in range(10):
            await asyncio.sleep(0)
        at_once -= 1
        raise ValueError("over")

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(runs, "run_job", run_job)
    monkeypatch.setattr("coder.platform.mcp_server.tools.report", lambda error: 5)
    async with Client(server_of(FlowRuns(root))) as client:
        called = await asyncio.gather(*(client.call_tool("run_code", {"code": "1"}) for _ in range(6)))

    assert (most, at_once) == (2, 0)
    assert all(each.is_error for each in called)


async def test_a_bug_is_named_and_its_words_are_not(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run_job(*given: object) -> tuple[Any, str]:
        raise ValueError("a secret of ours")

    monkeypatch.setattr(runs, "run_job", run_job)
    async with Client(server_of(FlowRuns(root))) as client:
        text = words(await client.call_tool("run_code", {"code": "1"}))

    assert "This is a bug in coder: ValueError." in text
    assert "a secret of ours" not in text
    assert "This is a bug in coder: ValueError: a secret of ours" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("key", ["model", "base_url", "sandbox", "network", "timeout", "root"])
async def test_a_request_sets_nothing_of_the_configuration(
    root: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords: dict[str, Any] = {}

    async def solve(task: object, **options: Any) -> None:
        keywords.update(options)
        raise ValueError("over")

    monkeypatch.setattr(runs, "solve", solve)
    monkeypatch.setattr("coder.platform.mcp_server.tools.report", lambda error: 5)
    monkeypatch.setenv("CODER_MODEL", "toy")
    monkeypatch.setenv("CODER_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("CODER_APPROVE", "tools")
    file = root / "home" / "coder" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[mcp.docs]\ncommand = ["docs-server"]\n')
    async with Client(server_of(FlowRuns(root))) as client:
        await client.call_tool("solve", {"prompt": TASK, key: "http://evil.example", "approve": ["landing"]})

    settings = keywords["settings"]
    assert (settings.model, settings.base_url) == ("toy", "http://127.0.0.1:9/v1")
    assert (settings.sandbox, settings.network, settings.budget.timeout) == ("auto", (), 600.0)
    assert (settings.approve, settings.require) == (("tools", "landing"), "tests")
    assert [server.name for server in keywords["tools"]] == ["docs"]


async def test_a_file_is_no_folder_to_fix(root: Path) -> None:
    (root / "file.py").write_text("")
    async with Client(server_of(FlowRuns(root))) as client:
        text = words(await client.call_tool("fix", {"path": "file.py", "command": "true"}))

    assert "is no folder" in text


@pytest.mark.parametrize(("configured", "most_s"), [("", 60), ("program_timeout = 0.5", 0.5)])
async def test_a_program_has_as_long_as_asked_but_no_longer_than_the_user_allows(
    root: Path, configured: str, most_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_list: list[Settings] = []

    def prepare_program(wanted: object, settings: Settings, **more: Any) -> Any:
        settings_list.append(settings)
        raise UsageError("over")

    monkeypatch.setattr(runs, "prepare_program", prepare_program)
    file = root / "home" / "coder" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(configured)
    async with Client(server_of(FlowRuns(root))) as client:
        await client.call_tool("run_code", {"code": "1", "timeout_s": 60})

    assert settings_list[0].program_timeout == most_s


@pytest.mark.parametrize("run", ["\ud800", "\0", "run_none"])
async def test_an_id_that_no_log_can_hold_is_no_run(root: Path, run: str) -> None:
    async with Client(server_of(FlowRuns(root))) as client:
        text = words(await client.call_tool("run_status", {"run": run}))

    assert "bug" not in text
    assert "run" in text
