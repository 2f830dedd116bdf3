"""Every hostile program of the shared probes is contained and every legitimate one works."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import perf.probes
from tests.docker_engine import require_docker
from tests.ordinary_user import REPOSITORY

pytestmark = pytest.mark.timeout(3600)
"""All probes one after the other take minutes."""
ADAPTER = Path(__file__).parent / "probe_adapter.py"
ABOUT_FILES = {"outputs", "disk", "leftover", "cross", "control"}
"""Categories that may come out otherwise in the workspace that lasts than in a fresh one."""


def attack(
    tmp_path: Path,
    *,
    door: str,
    backend: str = "bubblewrap",
    without: str = "",
    only: set[str] | None = None,
) -> list[Any]:
    """Run the probes, those of some categories only if so; what the runner says of each."""
    shared = os.environ.get("CODER_TEST_DATA")
    if shared is None:
        pytest.skip("CODER_TEST_DATA is not set: no shared probes")
    probes = Path(shared) / "probes.jsonl"
    report = tmp_path / "report.json"
    rows = map(json.loads, probes.read_text().splitlines())
    wanted = [row["id"] for row in rows if only is None or row["category"] in only]
    runner = Path(shared).parent / "tools" / "run_probes.py"
    command = [
        sys.executable,
        str(runner),
        str(ADAPTER),
        str(probes),
        str(report),
        "--only",
        ",".join(wanted),
    ]
    settings = {"PYTHONPATH": str(REPOSITORY), "SANDBOX_DOOR": door, "SANDBOX_WITHOUT": without}
    settings |= {"SANDBOX_BACKEND": backend}

    with ADAPTER.open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # it looks at the memory and the disk of the whole machine
        # Into a file: what the runner leaves for a minute would hold a pipe open.
        with (tmp_path / "said.txt").open("wb") as said:
            subprocess.run(
                command,
                env=os.environ | settings,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=3000,
                check=False,
            )

    judged: list[Any] = json.loads(report.read_text())
    assert len(judged) == len(wanted)
    return judged


def escaped(judged: list[Any]) -> list[tuple[str, str]]:
    return [(row["id"], row["why"]) for row in judged if not row["contained"]]


@pytest.mark.parametrize("without", ["", "cgroup"], ids=["best", "without cgroups"])
def test_all_probes_are_contained_in_fresh_runs_of_one_sandbox(tmp_path: Path, without: str) -> None:
    judged = attack(tmp_path, door="fresh", without=without)

    assert len(judged) >= 70
    assert escaped(judged) == []


def test_all_probes_are_contained_where_an_ordinary_user_opens_the_sandbox() -> None:
    shared = os.environ.get("CODER_TEST_DATA")
    if shared is None:
        pytest.skip("CODER_TEST_DATA is not set: no shared probes")

    column = perf.probes.Column("user", {"SANDBOX_DOOR": "fresh"}, as_user=True)
    found = perf.probes.judged(column, Path(shared))

    assert len(found) >= 70
    assert escaped(found) == []


def test_probes_that_are_about_files_are_contained_in_the_workspace_that_lasts(tmp_path: Path) -> None:
    assert escaped(attack(tmp_path, door="lasting", only=ABOUT_FILES)) == []


async def test_all_probes_are_contained_in_fresh_containers(tmp_path: Path) -> None:
    await require_docker()

    judged = await asyncio.to_thread(attack, tmp_path, door="fresh", backend="docker")

    assert len(judged) >= 70
    assert escaped(judged) == []


async def test_probes_that_are_about_files_are_contained_in_a_container_that_lasts(tmp_path: Path) -> None:
    await require_docker()

    judged = await asyncio.to_thread(attack, tmp_path, door="lasting", backend="docker", only=ABOUT_FILES)

    assert escaped(judged) == []


def test_all_probes_are_contained_where_each_run_has_a_bubblewrap_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_WALLS", "one")

    assert escaped(attack(tmp_path, door="fresh")) == []


def test_restricted_contains_every_attack_and_lacks_the_loopback_interface(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/dev/shm")  # where its workspaces are: some probes make many files

    judged = attack(tmp_path, door="fresh", backend="restricted")

    assert [name for name, _ in escaped(judged)] == ["ctl-asyncio-loopback"]


def test_probes_are_contained_by_coder_run(tmp_path: Path) -> None:
    assert escaped(attack(tmp_path, door="command", only={"outputs", "exit", "output", "control"})) == []
