"""What is left where a sandbox's owner and its keeper are both killed, and that reaping it harms nobody."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.reap import reap_leftovers
from sandbox.supervisor import slots
from sandbox.supervisor.owner import this_process
from sandbox.supervisor.slots import Slot, remove_unused_locks, take_slot
from tests.ordinary_user import REPOSITORY

OWNER = """
import asyncio, sys
from pathlib import Path
from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.supervisor.owner import this_process
async def main():
    print(this_process().mark, flush=True)
    kind = sys.argv[1]
    if kind == "container":
        opening = open_in_container(Policy(python=Path("/usr/bin/python3")))
    else:
        opening = open_bubblewrap(Policy(), walls=kind)
    async with opening as box:
        print(box.keeper, flush=True)
        while True:
            program = PythonCode(source="pass")
            await asyncio.gather(box.run(program), box.run(program, fresh=True))
asyncio.run(main())
"""
KINDS = ("two", "one", "container")


@pytest.fixture(params=KINDS)
def owner(request: pytest.FixtureRequest, allowed_host: None) -> Iterator["subprocess.Popen[str]"]:
    """A process that has a sandbox open and runs programs in it."""
    command = [sys.executable, "-c", OWNER, request.param]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def left_of(mark: str) -> list[str]:
    """Processes, groups and folders that carry a mark."""
    leftovers = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "cmdline").read_text(errors="replace"):
                leftovers.append(f"process {folder.name}")
        except (FileNotFoundError, ProcessLookupError):
            continue
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        leftovers += [f"{folder}/{name}" for name in names if mark in name]
    return leftovers + [name for name in os.listdir(tempfile.gettempdir()) if mark in name]


@pytest.mark.slow
def test_a_keeper_that_cannot_end_is_ended_with_all_that_it_kept(owner: "subprocess.Popen[str]") -> None:
    mark, keeper = heard(owner), int(heard(owner))
    os.kill(keeper, signal.SIGSTOP)
    assert left_of(mark)
    owner.kill()
    owner.wait()

    reap_leftovers()  # as another test may have done meanwhile: so nobody asks who was first

    _wait_until_nothing_is_left(mark)


@pytest.mark.slow
def test_nothing_is_left_after_both_were_killed_at_any_moment(owner: "subprocess.Popen[str]") -> None:
    mark, keeper = heard(owner), int(heard(owner))
    time.sleep(random.uniform(0, 0.3))  # the moment is what is tried

    for pid in random.sample([keeper, owner.pid], 2):
        os.kill(pid, signal.SIGKILL)
    owner.wait()
    reap_leftovers()

    _wait_until_nothing_is_left(mark)


async def test_a_sandbox_whose_owner_lives_is_left_alone() -> None:
    async with open_bubblewrap(Policy()) as box:
        removed = reap_leftovers()
        result = await box.run(PythonCode(source="print(1)"))

    assert result.ok
    assert not [line for line in removed if this_process().mark in line]


def test_what_belongs_to_another_container_is_left_alone(tmp_path: Path) -> None:
    me = this_process()
    elsewhere = f"coder-{me.boot}-1-{me.pid}-1-c0ffee"
    dead = f"coder-{me.boot}-{me.namespace}-{me.pid}-1-c0ffee"
    places = [Path(tempfile.gettempdir(), name) for name in (elsewhere, dead)]
    for number, place in enumerate(places):
        (tmp_path / str(number) / "w" / "deep").mkdir(parents=True)
        shutil.move(tmp_path / str(number), place)  # at once: another test may reap meanwhile

    reap_leftovers()

    assert [place.exists() for place in places] == [True, False]
    for folder in (places[0] / "w" / "deep", places[0] / "w", places[0]):
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has locks")
def test_a_lock_that_is_held_is_not_removed() -> None:
    with take_slot() as slot:
        remove_unused_locks()
        with take_slot() as other:
            assert other.uid != slot.uid
            assert _path(slot).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has locks")
def test_containers_that_see_no_locks_of_each_other_begin_with_different_uids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_slots = list[Slot]()
    for container in range(8):
        monkeypatch.setattr(slots, "FOLDER", str(tmp_path / str(container)))
        taken_slots.append(take_slot())
    for slot in taken_slots:
        slot.release()

    assert len({slot.uid for slot in taken_slots}) > 1


def _path(slot: Slot) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{slot.locks[0]}"))


def _wait_until_nothing_is_left(mark: str) -> None:
    deadline = time.monotonic() + 300
    while leftovers := left_of(mark):
        if time.monotonic() > deadline:
            raise AssertionError(f"left: {leftovers}")
        reap_leftovers()
        time.sleep(0.05)
