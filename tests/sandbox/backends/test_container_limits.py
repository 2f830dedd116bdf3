"""Limits that the kernel counts for all runs of a sandbox together, where runs have no namespaces."""

import asyncio
import tempfile

import pytest

from sandbox import FileRefused, Limits, Policy, PythonCode, Sandbox
from sandbox.backends.container import open_in_container
from tests.system_python import SYSTEM_PYTHON

pytestmark = pytest.mark.usefixtures("allowed_host")
CROWD = """
import os, time
for _ in range(50):
    if os.fork() == 0:
        time.sleep(600)
open('crowded', 'w').close()
while not os.path.exists('enough'):
    time.sleep(0.01)
"""
FORKS = """
import os, time
made = 0
try:
    while made < 60:
        if os.fork() == 0:
            time.sleep(600)
        made += 1
except OSError:
    pass
print(made)
"""
MADE_MEANWHILE = 10
"""More children than a pool keeps in advance."""


@pytest.mark.slow
async def test_a_run_is_not_given_the_processes_of_those_that_ended_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")  # as TMPDIR would; a disk is slow with many files
    policy = Policy(python=SYSTEM_PYTHON, wall_s=120)
    async with open_in_container(policy, without=frozenset({"cgroup"})) as box, asyncio.TaskGroup() as runs:
        crowd = runs.create_task(box.run(PythonCode(source=CROWD)))
        await wait_for_file(box, "crowded")
        for _ in range(MADE_MEANWHILE):
            await box.run(PythonCode(source=""))
        await box.write("enough", b"")
        assert (await crowd).ok

        result = await box.run(PythonCode(source=FORKS), limits=Limits(processes=20))

        assert int(result.stdout) <= 20


async def wait_for_file(box: Sandbox, name: str) -> None:
    """Until a program has made a file of the workspace."""
    async with asyncio.timeout(300):
        while True:
            try:
                await box.read(name)
                return
            except FileRefused:
                await asyncio.sleep(0.02)
