"""`coder sandbox doctor` in a container that somebody else has started, as a job of a CI is."""

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.docker_engine import IMAGE, require_docker

ROOT = Path(__file__).parents[3]
SET = ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined")
"""What the message of a plain container names."""
DOCTOR = "import sys; from coder.people.cli.main import entry; sys.argv = ['coder', *sys.argv[1:]]; entry()"


def examined(*options: str) -> dict[str, Any]:
    """What doctor finds in a container with bubblewrap that is started with these options."""
    command = ["docker", "run", "--rm", "--network", "none", *options, "--env", "PYTHONPATH=/app:/packages"]
    mounts = {str(ROOT / name): f"/app/{name}" for name in ("coder", "sandbox", "benchmarks")}
    mounts |= {sysconfig.get_path("purelib"): "/packages", shutil.which("bwrap") or "": "/usr/bin/bwrap"}
    for place, at in mounts.items():
        command += ["--volume", f"{place}:{at}:ro"]
    ended = subprocess.run(
        [*command, IMAGE, "python3", "-c", DOCTOR, "sandbox", "doctor", "--json"],
        capture_output=True,
        text=True,
    )
    assert ended.stdout, ended.stderr
    return {**json.loads(ended.stdout), "exit": ended.returncode}


@pytest.mark.slow
@pytest.mark.parametrize("user", ["0:0", "1000:1000"])
async def test_in_a_plain_container_doctor_says_what_works_and_what_to_set(user: str) -> None:
    await require_docker()

    found = examined("--user", user)

    backends = {one["name"]: one for one in found["backends"]}
    assert (found["exit"], found["auto"]) == (0, "container")
    assert backends["container"]["works"]
    assert all(f"--security-opt {option}" in backends["bubblewrap"]["fix"] for option in SET)


@pytest.mark.slow
async def test_with_what_doctor_names_programs_run_in_bubblewrap() -> None:
    await require_docker()
    options = [word for option in SET for word in ("--security-opt", option)]

    found = examined("--user", "1000:1000", *options)

    assert (found["exit"], found["auto"]) == (0, "bubblewrap")
