"""What a client can't have done: code on the host, files elsewhere, more than there is room for."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from coder.platform.server.bearer_tokens import Caller, digest
from coder.run.event_types import RunStarted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.coder.people.cli.test_solve import ADD, TASK, code
from tests.coder.platform.server.served import Server, configure, started
from tests.coder.platform.server.test_acts import CHECKS, ended
from tests.faulty_endpoint import faulty_endpoint, hangs, says
from tests.git_repository import make_repository
from tests.system_python import SYSTEM_PYTHON

pytestmark = pytest.mark.usefixtures("allowed_host")
TOKEN = "a-token-for-all"
CONTAINER = ("--sandbox", "container", "--python", str(SYSTEM_PYTHON))
BAD_PATHS = ("../x.py", "/etc/x.py", "a/../../x", "", "x\0y")
OWN = "def add(a, b):\n    return sum((a, b))\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a token, two workers, and a model that adds."""
    home = tmp_path_factory.mktemp("home")
    root = home / "root"
    file = home / "tokens"
    root.mkdir()
    file.write_text(f"[{Caller(name='ana', sha256=digest(TOKEN), root=root).model_dump_json()}]")
    file.chmod(0o600)
    with faulty_endpoint(*[says(code(ADD))] * 9) as endpoint:
        configure(home, base_url=endpoint.url, model="toy", strategy="repair", program_timeout=8)
        with started(home, "--token-file", str(file), "--workers", "2") as running:
            yield running


@pytest.fixture
async def client(server: Server) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(base_url=server.url, timeout=60, headers=headers) as http:
        yield http


async def post(client: httpx2.AsyncClient, path: str, value: object, **headers: str) -> httpx2.Response:
    """Send JSON in ASCII, so that it may hold half of a surrogate pair."""
    content = json.dumps(value).encode()
    return await client.post(path, content=content, headers={"Content-Type": "application/json"} | headers)


async def waiting(client: httpx2.AsyncClient, folder: Path) -> str:
    """A run that asks whether its change may land in a new folder."""
    folder.mkdir()
    task = {"prompt": TASK, "workspace": folder.name, "checks": CHECKS, "approve": ["landing"]}
    run = str((await post(client, "/runs", task)).json()["run_id"])
    await ended(client, run, "waiting")
    return run


@pytest.mark.parametrize("inner", [".git/hooks", ".git/modules/x"])
async def test_a_folder_of_git_is_no_workspace_of_a_client(
    server: Server, client: httpx2.AsyncClient, inner: str
) -> None:
    folder = make_repository(server.root / f"git_{inner[-1]}", a__py="").top / inner
    folder.mkdir(parents=True, exist_ok=True)
    before = sorted(folder.iterdir())
    task = {"prompt": TASK, "workspace": str(folder.relative_to(server.root)), "checks": CHECKS}

    refused = await post(client, "/runs", task)

    assert (refused.status_code, "belongs to git" in refused.text) == (422, True), refused.text
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
async def test_a_run_that_its_operator_began_on_the_host_is_answered_by_a_token_and_never_resumed(
    server: Server, client: httpx2.AsyncClient
) -> None:
    folder = server.root / "of_the_operator"
    folder.mkdir()
    host = (*CONTAINER, "--approve", "landing", "--json")
    completed = await asyncio.to_thread(
        server.console.run, "solve", TASK, str(folder), "--check", CHECKS[0], *host
    )
    run = json.loads(completed.out)["run_id"]

    with_files = await post(client, f"/runs/{run}/answers", {"decision": "yes", "files": {"a.py": OWN}})
    resumed = await post(client, f"/runs/{run}/resume", {})
    answered = await post(client, f"/runs/{run}/answers", {"decision": "yes"})
    again = await post(client, f"/runs/{run}/resume", {})
    events = (await client.get(f"/runs/{run}/events")).json()

    assert (with_files.status_code, resumed.status_code, again.status_code) == (422, 422, 422)
    assert answered.status_code == 202
    assert events[-1]["type"] == "question.answered"
    assert [*folder.iterdir()] == []


@pytest.mark.slow
async def test_no_server_with_a_sandbox_goes_on_with_a_run_outside_of_one(tmp_path: Path) -> None:
    host = (*CONTAINER, "--approve", "landing", "--json")
    with faulty_endpoint(*[says(code(ADD))] * 3) as endpoint, started(tmp_path) as server:
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        (folder := server.root / "of_the_operator").mkdir()
        task = (TASK, str(folder), "--check", CHECKS[0])
        completed = await asyncio.to_thread(server.console.run, "solve", *task, *host)
        run = json.loads(completed.out)["run_id"]
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
            answered = await post(http, f"/runs/{run}/answers", {"decision": "yes"})
            resumed = await post(http, f"/runs/{run}/resume", {})
            events = (await http.get(f"/runs/{run}/events")).json()

    assert (answered.status_code, resumed.status_code) == (202, 422)
    assert events[-1]["type"] == "question.answered"


@pytest.mark.slow
async def test_the_files_of_an_answer_are_verified_and_land_in_place_of_the_models(
    server: Server, client: httpx2.AsyncClient
) -> None:
    folder = server.root / "own_version"
    run = await waiting(client, folder)

    response = await post(client, f"/runs/{run}/answers", {"decision": "yes", "files": {"solution.py": OWN}})
    document = await ended(client, run, "solved", "waiting")

    assert response.status_code == 202
    if document["status"] == "waiting":  # their own version is shown to them before it lands
        await post(client, f"/runs/{run}/answers", {"decision": "yes"})
        await ended(client, run, "solved")
    assert (folder / "solution.py").read_text() == OWN


@pytest.mark.slow
async def test_an_answer_with_a_bad_file_name_is_refused_and_leaves_the_question_open(
    server: Server, client: httpx2.AsyncClient
) -> None:
    folder = server.root / "bad_names"
    run = await waiting(client, folder)
    (folder / "link").symlink_to("/tmp")

    for files in (
        {"../x.py": ""}, {"/etc/x.py": ""}, {".git/hooks/x": ""}, {"link/x.py": ""}, {"": ""}, {"x\0y": ""},
        {"solution.py": "", "solution.py/x": ""}, {"x.py": "\ud800"}, {},
    ):  # fmt: skip
        response = await post(client, f"/runs/{run}/answers", {"decision": "no", "files": files})
        assert response.status_code == 422, (files, response.text)
    assert (await client.get(f"/runs/{run}")).json()["status"] == "waiting"


@pytest.mark.parametrize(
    "bad",
    [
        *({"test_files": [{"path": path, "text": ""}]} for path in BAD_PATHS),
        {"checks": ["\ud800"]},
        {"prompt": "\ud800"},
        {"test_command": ["\udcff"]},
        {"test_command": ["a\0b"]},
    ],
)
async def test_a_task_with_a_field_that_can_not_be_used_is_refused_and_no_run_begins(
    client: httpx2.AsyncClient, bad: dict[str, object]
) -> None:
    before = (await client.get("/runs")).json()
    response = await post(client, "/runs", {"prompt": TASK} | bad)

    assert response.status_code == 422, response.text
    assert (await client.get("/runs")).json() == before


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("/run", {"code": "\ud800"}),
        ("/run", {"code": "1\0"}),
        ("/run", {"command": "echo \udcff"}),
        ("/run", {"command": "echo a\0b"}),
        ("/run", {"code": "1", "files": {"a": "\ud800"}}),
        ("/run", {"code": "1", "files": {"\ud800": ""}}),
        ("/run", {"code": "1", "files": {"../x": ""}}),
        ("/run", {"code": "1", "files": {"/etc/x": ""}}),
        ("/run", {"code": "1", "files": {"a": "", "a/b": ""}}),
        ("/run_jupyter", {"cells": ["1", "\ud800"]}),
        ("/run_code", {"code": "\ud800", "language": "python"}),
        ("/run_code", {"code": "1\0", "language": "bash"}),
        ("/run_code", {"code": "1", "language": "python", "stdin": "\ud800"}),
    ],
)
async def test_a_program_that_can_not_be_run_as_it_is_is_refused(
    client: httpx2.AsyncClient, path: str, program: dict[str, object]
) -> None:
    response = await post(client, path, program)

    assert response.status_code == 422, response.text


@pytest.mark.slow
async def test_a_program_gets_no_more_time_than_the_operator_has_configured(
    client: httpx2.AsyncClient,
) -> None:
    ran = (await post(client, "/run", {"command": "sleep 60", "timeout_s": 60})).json()

    assert (ran["killed_by"], ran["exit_code"]) == ("wall", None)
    assert ran["wall_s"] < 60


async def test_one_key_with_two_tasks_at_once_begins_one_of_them(client: httpx2.AsyncClient) -> None:
    tasks = ({"prompt": TASK, "checks": CHECKS}, {"prompt": f"{TASK} Quickly.", "checks": CHECKS})
    key = {"Idempotency-Key": "one key"}
    both = await asyncio.gather(*(post(client, "/runs", task, **key) for task in tasks))

    assert sorted(response.status_code for response in both) == [202, 409]


@pytest.mark.slow
async def test_of_many_runs_at_once_only_as_many_begin_as_there_are_workers(tmp_path: Path) -> None:
    with (
        faulty_endpoint(*[hangs()] * 12) as endpoint,
        started(tmp_path, "--workers", "2") as server,
    ):
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
            responses = await asyncio.gather(*(post(http, "/runs", {"prompt": TASK}) for _ in range(12)))
            task = RunStarted(task=Task(prompt="x"), settings=Settings(served=server.root), model="toy")
            await server.append("run_idle", [task])
            resumed = await post(http, "/runs/run_idle/resume", {})

    assert sorted(one.status_code for one in responses) == [202] * 2 + [429] * 10
    assert resumed.status_code == 429
