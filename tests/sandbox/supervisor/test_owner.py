"""Whether an owner is alive is never guessed."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.supervisor.owner import Owner, parse_owner, this_process


def test_this_process_is_alive() -> None:
    assert not this_process().is_dead


def test_a_process_that_has_ended_is_dead_also_while_nobody_has_reaped_it() -> None:
    source = "from sandbox.supervisor.owner import this_process; print(this_process().mark)"
    ended = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    owner = parse_owner(ended.stdout.read().decode())
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert owner is not None

    assert owner.pid == ended.pid
    assert owner.is_dead
    ended.wait()
    assert owner.is_dead


def test_another_process_of_the_same_number_is_not_the_owner() -> None:
    assert replace(this_process(), start_ticks=1).is_dead


def test_an_owner_in_another_container_is_never_taken_for_dead() -> None:
    assert not replace(this_process(), namespace=1, start_ticks=1).is_dead


def test_nobody_outlives_the_machine() -> None:
    assert replace(this_process(), boot="0" * 8, namespace=1).is_dead


@pytest.mark.slow
@given(st.integers(0, 2**32), st.integers(1, 2**22), st.integers(0, 2**63))
def test_a_mark_gives_its_owner_back(namespace: int, pid: int, started: int) -> None:
    owner = Owner("0123abcd", namespace, pid, started)

    assert parse_owner(f"coder-{owner.mark}-c0ffee") == owner


def test_what_has_no_mark_has_no_owner() -> None:
    assert parse_owner("coder-123-c0ffee") is None
