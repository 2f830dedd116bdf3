"""Root with less than all of root's rights, as a container has it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.less_machine import less_root, run_behind
from tests.system_python import SYSTEM_PYTHON

CODER = Path(sys.executable).with_name("coder")


def run_by(root: tuple[str, ...], backend: str) -> "subprocess.CompletedProcess[str]":
    command = (str(CODER), "run", "--sandbox", backend, "--python", str(SYSTEM_PYTHON), "-c", "print(6 * 7)")
    return run_behind(root, *command, timeout_s=300)


@pytest.mark.usefixtures("allowed_host")
@pytest.mark.slow
def test_container_needs_no_right_to_look_at_other_users() -> None:
    done = run_by(less_root("CAP_SYS_PTRACE", "CAP_SYS_ADMIN"), "container")

    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("CAP_SYS_ADMIN", "start it with: --user 1000:1000 --security-opt seccomp=unconfined"),
        ("CAP_SYS_PTRACE", "Start as an ordinary user"),
        ("CAP_SETUID", "start it as an ordinary user"),
    ],
)
def test_a_root_that_can_not_build_the_walls_is_told_to_be_a_user(lacks: str, said: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("root's rights can only be taken from root")

    done = run_by(less_root(lacks), "bubblewrap")

    assert (done.returncode, done.stdout) == (125, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
