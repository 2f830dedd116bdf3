"""Every hostile program of the shared probes is contained and every legitimate one works.

All run at the lowest entry point of each wall; through others, those that could come out otherwise.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from perf.probes import Column, judged, measure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
"""Probes that are measured wait for those of other tests."""
FILES = {"outputs", "disk", "leftover", "cross", "control"}
"""Categories that may come out otherwise in the workspace that lasts than in a fresh one."""
COUNTED = {"pids", "memory", "disk", "exit", "leftover", "control"}
"""Categories that may come out otherwise where no control group holds what a run takes."""


def attack(door: str, *, only: set[str] | None = None, user: bool = False, **settings: str) -> list[Any]:
    """Run the probes, those of some categories only if so; what the runner says of each."""
    shared = os.environ.get("CODER_TEST_DATA")
    if shared is None:
        pytest.skip("CODER_TEST_DATA is not set: no shared probes")
    column = Column("here", {"SANDBOX_DOOR": door, **settings}, as_user=user)
    rows = judged(column, Path(shared), categories=only)
    assert only is not None or len(rows) >= 70
    return rows


def escaped(judged: list[Any]) -> list[tuple[str, str]]:
    return [(row["id"], row["why"]) for row in judged if not row["contained"]]


def test_all_probes_are_contained_in_fresh_runs_of_one_sandbox() -> None:
    assert escaped(attack("fresh")) == []


def test_probes_of_what_is_counted_are_contained_without_control_groups() -> None:
    assert escaped(attack("fresh", only=COUNTED, SANDBOX_WITHOUT="cgroup")) == []


def test_all_probes_are_contained_where_an_ordinary_user_opens_the_sandbox() -> None:
    assert escaped(attack("fresh", user=True)) == []


def test_probes_that_are_about_files_are_contained_in_the_workspace_that_lasts() -> None:
    assert escaped(attack("lasting", only=FILES)) == []


@pytest.mark.usefixtures("docker_engine")
async def test_all_probes_are_contained_in_fresh_containers() -> None:
    assert escaped(await asyncio.to_thread(attack, "fresh", SANDBOX_BACKEND="docker")) == []


@pytest.mark.usefixtures("docker_engine")
async def test_probes_that_are_about_files_are_contained_in_a_container_that_lasts() -> None:
    judged = await asyncio.to_thread(attack, "lasting", only=FILES, SANDBOX_BACKEND="docker")

    assert escaped(judged) == []


def test_all_probes_are_contained_where_each_run_has_a_bubblewrap_of_its_own() -> None:
    assert escaped(attack("fresh", SANDBOX_WALLS="one")) == []


def test_sessions_contain_every_probe_and_merge_both_streams() -> None:
    assert {name for name, _ in escaped(attack("session"))} == {"stdout-stderr-split", "exit-str"}


@pytest.mark.usefixtures("docker_engine")
async def test_sessions_in_containers_contain_every_probe_and_merge_both_streams() -> None:
    judged = await asyncio.to_thread(attack, "session", SANDBOX_BACKEND="docker")

    assert {name for name, _ in escaped(judged)} == {"stdout-stderr-split", "exit-str"}


SAMPLED = {"inode-fill"}
"""What is sampled without namespaces: on a busy machine an excess may pass before the run is ended."""


@pytest.mark.usefixtures("allowed_host")
def test_container_contains_every_attack_and_lacks_the_loopback_interface() -> None:
    # TMPDIR: where its workspaces are; some probes make many files
    judged = attack("fresh", SANDBOX_BACKEND="container", TMPDIR="/dev/shm")

    assert {name for name, _ in escaped(judged)} - SAMPLED == {"ctl-asyncio-loopback"}


@pytest.mark.usefixtures("allowed_host")
def test_sessions_inside_a_container_contain_every_attack_and_see_other_processes() -> None:
    judged = attack("session", SANDBOX_BACKEND="container", TMPDIR="/dev/shm")

    merged, unkept = {"stdout-stderr-split", "exit-str"}, {"ctl-asyncio-loopback", "host-processes"}
    assert {name for name, _ in escaped(judged)} - SAMPLED == merged | unkept


def test_probes_are_contained_by_coder_run() -> None:
    assert escaped(attack("command", only={"outputs", "control"})) == []


def test_what_is_measured_by_the_whole_machine_escapes_only_if_it_does_so_three_times() -> None:
    measured: list[list[str]] = []

    def run(probes: list[str]) -> list[dict[str, Any]]:
        measured.append(probes)
        neighbor_takes_much = len(measured) == 1
        contained = {"kept": True, "beside a neighbor": not neighbor_takes_much, "escapes": False}
        return [{"id": probe, "contained": contained[probe]} for probe in probes]

    answers = measure(run, ["kept", "beside a neighbor", "escapes"])

    assert {row["id"] for row in answers if not row["contained"]} == {"escapes"}
    assert measured == [
        ["kept", "beside a neighbor", "escapes"],
        ["beside a neighbor", "escapes"],
        ["escapes"],
    ]
