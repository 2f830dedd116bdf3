"""`coder sandbox doctor` in a container that somebody else has started, as a job of a CI is."""

import json
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.docker_engine import IMAGE

ROOT = Path(__file__).parents[3]
SET = ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined")
"""What the message of a plain container names."""
DOCTOR = "import sys; from coder.people.cli.main import entry; sys.argv = ['coder', *sys.argv[1:]]; entry()"


MODEL = """
import asyncio, json, os, sys
from pathlib import Path
from coder import solve, Task
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.settings import Settings

def call(name, **arguments):
    return [ToolCall(id=name, name=name, arguments=json.dumps(arguments))]

async def main():
    folder = Path("/tmp/project")
    folder.mkdir()
    (folder / "calc.py").write_text("def add(a, b):\\n    return a - b\\n")
    task = Task(prompt="Mend add.", workspace=folder, checks=("from calc import add; assert add(1, 2) == 3",))
    edits = call("bash", command="sed -i 's/-/+/' calc.py && python3 -c 'import calc'")
    model = Scripted([edits, call("done", summary="It adds.")])
    settings = Settings(strategy="act", python="/usr/bin/python3")
    run = await solve(task, model=model, settings=settings)
    print(json.dumps([run.status, run.strength, (folder / "calc.py").read_text()]))

asyncio.run(main())
"""


def inside(*options: str, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run Python in a container with bubblewrap that is started with these options."""
    docker = ["docker", "run", "--rm", "--network", "none", *options, "--env", "PYTHONPATH=/app:/packages"]
    mounts = {str(ROOT / name): f"/app/{name}" for name in ("coder", "sandbox", "benchmarks")}
    mounts |= {sysconfig.get_path("purelib"): "/packages", shutil.which("bwrap") or "": "/usr/bin/bwrap"}
    for place, at in mounts.items():
        docker += ["--volume", f"{place}:{at}:ro"]
    return subprocess.run([*docker, IMAGE, "python3", *command], capture_output=True, text=True, timeout=300)


def examined(*options: str) -> dict[str, Any]:
    """What doctor finds there."""
    ended = inside(*options, command=["-c", DOCTOR, "sandbox", "doctor", "--json"])
    assert ended.stdout, ended.stderr
    return {**json.loads(ended.stdout), "exit": ended.returncode}


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
@pytest.mark.parametrize("user", ["0:0", "1000:1000"])
async def test_in_a_plain_container_doctor_says_what_works_and_what_to_set(user: str) -> None:
    report = examined("--user", user)

    backends = {one["name"]: one for one in report["backends"]}
    assert (report["exit"], report["auto"]) == (0, "container")
    assert backends["container"]["works"]
    assert all(f"--security-opt {option}" in backends["bubblewrap"]["fix"] for option in SET)


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
async def test_with_what_doctor_names_programs_run_in_bubblewrap() -> None:
    options = [word for option in SET for word in ("--security-opt", option)]

    report = examined("--user", "1000:1000", *options)

    assert (report["exit"], report["auto"]) == (0, "bubblewrap")


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
@pytest.mark.parametrize("user", ["--user=0:0", "--user=1000:1000", "--cap-drop=ALL"])
async def test_in_a_plain_container_a_model_acts_and_its_verdict_is_inside(user: str) -> None:
    ended = inside(user, "--env", "HOME=/tmp", command=["-c", MODEL])

    assert ended.stdout, ended.stderr
    assert json.loads(ended.stdout) == ["solved", "inside", "def add(a, b):\n    return a + b\n"]
