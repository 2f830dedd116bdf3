"""The keeper, with a wall of our own in bubblewrap's place."""

import marshal
import os
import subprocess
import sys
from pathlib import Path

from sandbox.supervisor.outer_wall import memory_file

START = """
import marshal, sys
from sandbox.supervisor.launch import main
main(marshal.load(open(int(sys.argv[1]), "rb")))
"""
PATIENCE_S = 60
WALL = "(sleep 600 & echo $!; wait) & exec sleep 600"


def test_a_wall_that_dies_while_it_starts_leaves_nobody_behind() -> None:
    lifeline, theirs = os.pipe()
    control = memory_file(b"")
    specification = {
        "lifeline": lifeline,
        "not_inherited": [lifeline],
        "control": control,
        "files": {},
        "cgroups": [],
        "folders": {},
        "uid": 65534 if os.getuid() == 0 else os.getuid(),
        "bwrap": "/bin/sh",
        "name": "sh",
        "before": ["-c", WALL],
        "after": [],
    }
    specification_file = memory_file(marshal.dumps(specification))
    argv = [sys.executable, "-c", START, str(specification_file)]
    with subprocess.Popen(
        argv, pass_fds=[lifeline, specification_file, control], stdout=subprocess.PIPE
    ) as keeper:
        assert keeper.stdout is not None
        orphan = int(keeper.stdout.readline())

        os.close(lifeline)
        os.close(theirs)  # the owner is gone
        keeper.wait(PATIENCE_S)

        assert not Path(f"/proc/{orphan}").exists()
