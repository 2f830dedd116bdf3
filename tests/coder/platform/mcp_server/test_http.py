"""Over HTTP: whoever has the token, from this machine, and no page of another origin."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

from coder.platform.server.bearer_tokens import Caller, digest
from tests.coder.people.cli.test_solve import ADD, TASK, code
from tests.coder.platform.mcp_server.served import (
    ERAS,
    INITIALIZE,
    INITIALIZED,
    TOKEN,
    Served,
    document,
    serving,
    words,
)
from tests.coder.platform.mcp_server.test_runs import CHECKS, LANDING, Person
from tests.faulty_endpoint import calls, faulty_endpoint, says
from tests.processes import processes_with, wait_until

HEADERS = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def client_of(url: str, token: str, **more: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), **more) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_runs_progress_and_forms_are_as_over_stdio(served: Served, token_file: Path, era: str) -> None:
    messages: list[str | None] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        messages.append(message)

    (served.root / "project").mkdir()
    person = Person(ElicitResult(action="accept", content={"decision": "yes"}))
    with faulty_endpoint(says(code(ADD))) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="repair")
        async with (
            serving(served, "--token-file", str(token_file)) as (url, _),
            client_of(url, TOKEN, mode=era, elicitation_callback=person) as client,
        ):
            ran = document(await client.call_tool("run_code", {"code": "print(6 * 7)"}))
            run = document(await client.call_tool("solve", LANDING, progress_callback=tell))

    assert ran["stdout"] == "42\n"
    assert (run["status"], run["landed"], len(person.asked)) == ("solved", ["solution.py"], 1)
    assert messages[0] == f"run {run['run_id']}"


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_request_leaves_no_program(served: Served, token_file: Path, era: str) -> None:
    tag = f"4{time.monotonic_ns()}"
    arguments = {"command": f"sleep {tag}", "timeout_s": 600}
    async with (
        serving(served, "--token-file", str(token_file)) as (url, _),
        client_of(url, TOKEN, mode=era) as client,
    ):
        call = asyncio.create_task(client.call_tool("run_code", arguments))
        assert await asyncio.to_thread(wait_until, lambda: bool(processes_with(tag)))
        call.cancel()
        assert await asyncio.to_thread(wait_until, lambda: not processes_with(tag))
        assert document(await client.call_tool("run_code", {"code": "print(1)"}))["stdout"] == "1\n"


@pytest.mark.slow
async def test_calls_that_come_at_once_wait_for_a_worker_and_are_all_answered(
    served: Served, token_file: Path
) -> None:
    count = 4 * (os.cpu_count() or 1)
    async with (
        serving(served, "--token-file", str(token_file)) as (url, _),
        client_of(url, TOKEN) as client,
    ):
        calls = (client.call_tool("run_code", {"code": f"print({number} ** 2)"}) for number in range(count))
        answers = await asyncio.gather(*calls)

    assert [document(answer)["stdout"] for answer in answers] == [f"{number**2}\n" for number in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_goes_away_leaves_no_program_and_frees_its_worker(
    served: Served, token_file: Path, era: str
) -> None:
    tag = f"4{time.monotonic_ns()}"
    params = {"name": "run_code", "arguments": {"command": f"sleep {tag}", "timeout_s": 600}}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    headers = dict(HEADERS)
    async with serving(served, "--token-file", str(token_file), "--workers", "1") as (url, _):
        async with httpx2.AsyncClient(timeout=60, headers=headers) as http:
            if era == "legacy":
                begun = await http.post(url, json=INITIALIZE)
                headers["Mcp-Session-Id"] = begun.headers["mcp-session-id"]
                await http.post(url, json=INITIALIZED, headers=headers)
            else:
                headers |= {"MCP-Protocol-Version": era, "Mcp-Method": "tools/call", "Mcp-Name": "run_code"}
                params["_meta"] = {
                    "io.modelcontextprotocol/protocolVersion": era,
                    "io.modelcontextprotocol/clientInfo": {"name": "by hand", "version": "1"},
                    "io.modelcontextprotocol/clientCapabilities": {},
                }
            answer = asyncio.create_task(http.post(url, json=call, headers=headers))
            began = await asyncio.to_thread(wait_until, lambda: answer.done() or bool(processes_with(tag)))
            assert (began, answer.done()) == (True, False)
            answer.cancel()
            await asyncio.wait([answer])
        assert await asyncio.to_thread(wait_until, lambda: not processes_with(tag))
        async with client_of(url, TOKEN) as client:
            assert document(await client.call_tool("run_code", {"code": "print(1)"}))["stdout"] == "1\n"


@pytest.mark.slow
async def test_a_signal_ends_what_runs(served: Served, token_file: Path) -> None:
    tag = f"4{time.monotonic_ns()}"
    params = {"name": "run_code", "arguments": {"command": f"sleep {tag}", "timeout_s": 600}}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    async with httpx2.AsyncClient(timeout=60, headers=HEADERS) as http:
        async with serving(served, "--token-file", str(token_file)) as (url, _):
            begun = await http.post(url, json=INITIALIZE)
            session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
            await http.post(url, json=INITIALIZED, headers=session)
            answer = asyncio.create_task(http.post(url, json=call, headers=session))
            assert await asyncio.to_thread(wait_until, lambda: bool(processes_with(tag)))
        assert not processes_with(tag)
        await asyncio.wait([answer])


@pytest.mark.slow
async def test_nobody_comes_in_without_the_token_or_from_another_origin(
    served: Served, token_file: Path
) -> None:
    refused = {
        "none": ({"Authorization": ""}, 401),
        "wrong": ({"Authorization": "Bearer wrong"}, 401),
        "longer": ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        "other scheme": ({"Authorization": f"Basic {TOKEN}"}, 401),
        "not ASCII": ({"Authorization": "Bearer \xff".encode()}, 401),
        "foreign origin": ({"Origin": "https://example.org"}, 403),
        "opaque origin": ({"Origin": "null"}, 403),
        "rebound name": ({"Host": "example.org"}, 421),
        "rebound name with port": ({"Host": "example.org:8765"}, 421),
        "modern, foreign origin": ({"MCP-Protocol-Version": "2026-07-28", "Origin": "http://a.example"}, 403),
        "modern, no token": ({"MCP-Protocol-Version": "2026-07-28", "Authorization": ""}, 401),
    }
    async with (
        serving(served, "--token-file", str(token_file)) as (url, _),
        httpx2.AsyncClient(timeout=60) as http,
    ):
        for name, (headers, status) in refused.items():
            answered = await http.post(url, json=INITIALIZE, headers=HEADERS | headers)
            assert answered.status_code == status, name
        for path in ("", "/sse", "/docs", "/.well-known/oauth-protected-resource"):
            root = url.removesuffix("/mcp")
            assert (await http.get(root + path)).status_code == 401, path
        assert (await http.post(url, json=INITIALIZE, headers=HEADERS)).status_code == 200
        large = {**INITIALIZE, "padding": "x" * (5 << 20)}
        assert (await http.post(url, json=large, headers=HEADERS)).status_code == 413


@pytest.mark.slow
async def test_it_listens_on_loopback_alone_and_prints_a_new_token_once(served: Served) -> None:
    async with serving(served, command=("mcp", "--http", "0")) as (url, lines):
        (line,) = lines
        token = line.removeprefix("token: ").strip()
        assert len(token) >= 32
        port = url.rpartition(":")[2].partition("/")[0]
        assert url == f"http://127.0.0.1:{port}/mcp"
        listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        local = [
            row.split()[1] for row in listening.splitlines() if f":{int(port):04X} " in row and " 0A " in row
        ]
        assert local == [f"0100007F:{int(port):04X}"]
        async with client_of(url, token) as client:
            assert len((await client.list_tools()).tools) == 5


@pytest.mark.slow
async def test_the_operators_token_goes_on_with_a_run_of_the_terminal(served: Served, tmp_path: Path) -> None:
    (secret := tmp_path / "secret").write_text(TOKEN)
    secret.chmod(0o600)
    (served.root / "project").mkdir()
    arguments = ("solve", TASK, "--check", *CHECKS, "--approve", "landing", "--detach", "--json", "project")
    with faulty_endpoint(says(code(ADD))) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="repair")
        begun = served.console.run(*arguments, cwd=served.root)
        assert begun.code == 9, begun.err
        async with (
            serving(served, "--token-file", str(secret), command=("mcp", "--http", "0")) as (url, _),
            client_of(url, TOKEN) as client,
        ):
            ended = document(await client.call_tool("approve", {"run": json.loads(begun.out)["run_id"]}))

    assert (ended["status"], ended["landed"]) == ("solved", ["solution.py"])


@pytest.mark.parametrize(
    ("mode", "content", "said"),
    [
        (0o640, TOKEN, "Others can read"),
        (0o600, "short", "at least 16 characters"),
        (0o600, f"{TOKEN} {TOKEN}", "no blanks"),
        (0o600, "", "at least 16 characters"),
        (0o600, None, "can't be read"),
    ],
)
def test_a_token_file_that_keeps_no_secret_is_refused(
    served: Served, tmp_path: Path, mode: int, content: str | None, said: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    done = served.console.run("mcp", "--http", "0", "--token-file", str(file))

    assert (done.code, said in done.err) == (2, True), done.err
    assert TOKEN not in done.err


@pytest.mark.slow
async def test_a_run_without_a_folder_is_seen_and_answered_by_the_token_that_began_it_alone(
    served: Served, token_file: Path
) -> None:
    other = Caller(name="other", sha256=digest("another"), root=served.root)
    token_file.write_text(f"{token_file.read_text()[:-1]}, {other.model_dump_json()}]")
    with faulty_endpoint(calls("ask", question="Which one?"), says(code(ADD))) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="act")
        async with serving(served, "--token-file", str(token_file)) as (url, _):
            async with client_of(url, TOKEN) as client:
                run = document(await client.call_tool("solve", {"prompt": "Write add."}))["run_id"]
                own = document(await client.call_tool("run_status", {"run": run}))
            async with client_of(url, "another") as client:
                hidden = words(await client.call_tool("run_status", {"run": run}))
                start = words(await client.call_tool("run_status", {"run": "run_"}))
                none = words(await client.call_tool("run_status", {"run": "run_gone"}))

    assert own["run_id"] == run
    assert run not in start
    assert hidden.replace(run, "run_gone") == none
