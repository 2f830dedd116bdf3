"""What an ordinary user's systemd is asked for. A real one is needed to see the group itself: CI has none."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import Policy
from sandbox.host.server import Server
from sandbox.interpreter.interpreter import describe
from sandbox.supervisor.cgroup_places import find_scope, place_in_scope
from sandbox.supervisor.outer_wall import System, two_walls


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A machine with version 2 and a user's systemd, whose `systemd-run` is a script."""
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "private").touch()
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def with_script(body: str) -> Path:
        script = tmp_path / "bin" / "systemd-run"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return tmp_path

    return with_script


RUNS = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'


async def test_a_scope_is_used_where_one_was_seen_to_work(machine: Callable[[str], Path]) -> None:
    place = machine(RUNS)

    command, environment = await find_scope(str(place), root=place)

    assert command[1:3] == ["--user", "--scope"]
    assert environment == {"XDG_RUNTIME_DIR": str(place)}


async def test_a_scope_that_is_refused_is_not_used(machine: Callable[[str], Path]) -> None:
    place = machine("exit 1")

    assert await find_scope(str(place), root=place) == ([], {})


async def test_a_scope_without_a_memory_controller_is_of_no_use(machine: Callable[[str], Path]) -> None:
    place = machine(RUNS)
    (place / "cgroup.controllers").write_text("hugetlb\n")

    assert await find_scope(str(place), root=place) == ([], {})


async def test_a_keeper_that_is_in_no_scope_has_no_place() -> None:
    assert await place_in_scope(2**22) == []


async def test_a_server_is_started_through_a_scope_also_where_no_group_comes_of_it(
    machine: Callable[[str], Path],
) -> None:
    place = machine(RUNS)
    command, environment = await find_scope(str(place), root=place)
    server = Server(describe(None), None, Policy(), frozenset(), landlock=99, system=System())
    try:
        await server.launch(two_walls, command, environment)

        await server.greet()
        assert server.workspace >= 0
    finally:
        await server.close()
