"""Paths and runs of clients stay below the root."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import ADD, CHECK, TASK, code
from tests.coder.platform.mcp_server.served import Served, document, words
from tests.faulty_endpoint import faulty_endpoint, says
from tests.git_repository import make_repository


@pytest.mark.slow
async def test_what_is_not_below_the_root_is_refused_with_words_and_no_call(
    served: Served, tmp_path: Path
) -> None:
    other, inside = tmp_path / "other", served.root / "inside"
    for folder in (other, inside):
        folder.mkdir()
    (served.root / "link").symlink_to(other)
    (served.root / "file").symlink_to("/etc/passwd")
    (served.root / "loop").symlink_to("loop")
    paths = [
        "..",
        "../other",
        str(other),
        "link",
        "link/deeper",
        "file",
        "inside/../..",
        "loop",
        "gone",
        "a\0b",
    ]
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        served.configure(base_url=endpoint.url, model="toy")
        async with served.over_stdio() as client:
            for path in paths:
                for tool, more in (("solve", {"prompt": TASK}), ("fix", {"command": "false"})):
                    refused = words(await client.call_tool(tool, {"path": path, **more}))
                    assert "below the folder of this server" in refused, path
            allowed = {"prompt": TASK, "path": str(inside), "checks": CHECK[1:]}
            run = document(await client.call_tool("solve", allowed))

    assert run["landed"] == ["solution.py"]
    assert len(endpoint.requests) == 1
    assert [*other.iterdir()] == []


@pytest.mark.slow
@pytest.mark.parametrize("inner", [".git/hooks", ".git/modules/x"])
async def test_a_folder_of_git_is_no_workspace_of_a_client(served: Served, inner: str) -> None:
    folder = make_repository(served.root / "project", a__py="").top / inner
    folder.mkdir(parents=True, exist_ok=True)
    before = sorted(folder.iterdir())
    with faulty_endpoint(says("`pre-commit`\n```sh\n#!/bin/sh\ntouch ran\n```\n" + code(ADD))) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="repair")
        async with served.over_stdio() as client:
            arguments = {"prompt": TASK, "path": str(folder), "checks": CHECK[1:]}
            refused = words(await client.call_tool("solve", arguments))

    assert "belongs to git" in refused
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
async def test_runs_elsewhere_are_no_business_of_the_clients(served: Served, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with faulty_endpoint(says(code(ADD))) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="repair")
        served.console.run("solve", TASK, str(other), *CHECK, "--approve", "landing")
        (listed,) = json.loads(served.console.run("ls", "--waiting", "--json").out)
        async with served.over_stdio() as client:
            for tool in ("run_status", "approve"):
                assert "There is no run" in words(await client.call_tool(tool, {"run": listed["run_id"]}))
            assert "no run" in words(await client.call_tool("run_status", {"run": "run_none"})).lower()

    assert [*other.iterdir()] == []


@pytest.mark.slow
async def test_files_of_a_program_stay_in_its_workspace(served: Served) -> None:
    async with served.over_stdio() as client:
        for files in ({"../x": ""}, {"/x": ""}, {"a": "", "a/b": ""}, {"": ""}, {"a\0": ""}):
            refused = words(await client.call_tool("run_code", {"command": "ls -R", "files": files}))
            assert "bug" not in refused, files


@pytest.mark.slow
async def test_a_request_that_can_not_be_served_is_told_why(served: Served) -> None:
    requests: list[tuple[dict[str, object], str]] = [
        ({}, "either code, or a command"),
        ({"code": "1", "command": "ls"}, "either code, or a command"),
        ({"command": "'"}, "can't be split"),
        ({"code": "1", "timeout_s": 0}, "timeout_s"),
        ({"code": "1", "timeout_s": 1e9}, "timeout_s"),
    ]
    async with served.over_stdio() as client:
        for arguments, reason in requests:
            assert reason in words(await client.call_tool("run_code", arguments))
