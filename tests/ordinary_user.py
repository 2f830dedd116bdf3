"""Run a script of ours as a user who isn't root, on a machine where our files may lie below root's home."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bare_python import bare_python

REPOSITORY = Path(__file__).parent.parent
NOBODY = 65_534

_STEP_DOWN = """
import json, os, sys
from sandbox.supervisor.launch import bind_privately
given = json.loads(sys.argv[1])
shown = {target: place for place, target in bind_privately(given["folders"]).items()}
os.mkdir("/tmp/home", 0o700)
os.chown("/tmp/home", given["uid"], given["uid"])
os.setgroups(given["groups"])
os.setresgid(given["uid"], given["uid"], given["uid"])
os.setresuid(given["uid"], given["uid"], given["uid"])
prefix = shown["prefix"]
environment = {
    "PATH": "/usr/bin:/bin", "HOME": "/tmp/home", "LANG": "C.UTF-8", "LD_LIBRARY_PATH": f"{prefix}/lib",
    "PYTHONPATH": ":".join([shown["repository"], *(shown[f"packages{i}"] for i in range(given["packages"]))]),
    "PYTHONDONTWRITEBYTECODE": "1",
}
python = f"{prefix}/{given['python']}"
os.execve(python, [python, "-c", given["script"]], environment)
"""


def run_as_ordinary_user(
    script: str, *, timeout_s: float, groups: Sequence[int] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run Python source with our packages importable: as nobody where we are root, else as ourselves.

    Nobody is in these `groups`.
    """
    if os.geteuid() != 0:
        return subprocess.run(
            [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout_s
        )
    packages = [place for place in sys.path if place.endswith("-packages")]
    executable = bare_python()
    prefix = executable.parent.parent
    folders = {str(prefix): "prefix", str(REPOSITORY): "repository"}
    folders |= {place: f"packages{number}" for number, place in enumerate(packages)}
    parameters = {
        "folders": folders,
        "packages": len(packages),
        "python": str(executable.relative_to(prefix)),
        "uid": NOBODY,
        "groups": groups,
        "script": script,
    }
    return subprocess.run(
        [sys.executable, "-c", _STEP_DOWN, json.dumps(parameters)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
