"""Coder's own process, whose environment holds keys, stands beside programs of the backend `container`."""

import os
import sys

import pytest

from tests.less_machine import less_root, run_behind
from tests.ordinary_user import run_as_ordinary_user

OWNER = """
import asyncio, os, sys, tempfile
from pathlib import Path
from sandbox import Policy, PythonCode
from sandbox.backends.container import open_in_container

READS = '''
import os, sys
place = f"/proc/{OWNER}"
def environ():
    return open(f"{place}/environ", "rb").read(1)
def memory():
    return open(f"{place}/mem", "rb")
def files():
    return [name for name in os.listdir(f"{place}/fd") if opens(name)]
def opens(name):
    try:
        return os.stat(f"{place}/fd/{name}")
    except FileNotFoundError:  # closed meanwhile
        return None
for attempt in (environ, memory, files):
    try:
        print(attempt.__name__ if attempt() else "")
    except OSError:
        pass
'''

async def main():
    kept, open_to_all = frozenset(), frozenset({"unreadable"})
    own = Path(tempfile.mkdtemp())
    for without, place in ((kept, None), (open_to_all, None), (kept, own), (open_to_all, own)):
        # Without Landlock, which would keep a program from reading other processes too.
        policy = Policy(python=Path("/usr/bin/python3"), wall_s=60, in_place=place)
        async with open_in_container(policy, inside=True, landlock=0, without=without) as box:
            result = await box.run(PythonCode(source=READS.replace("{OWNER}", str(os.getpid()))))
            async with box.session() as session:
                commanded = await session.python(READS.replace("{OWNER}", str(os.getpid())))
            print([*result.stdout.split()], [*commanded.output.split()], box.uid == os.getuid(), flush=True)

asyncio.run(main())
"""
SAID = 2 * "[] [] True\n['environ', 'memory', 'files'] ['environ', 'memory', 'files'] True\n"
"""What programs of the same uid read while the process is unreadable, and where that is left off; also
where they work in place."""


@pytest.mark.slow
def test_programs_of_the_same_user_read_nothing_of_it() -> None:
    ended = run_as_ordinary_user(OWNER, timeout_s=200)

    assert ended.stdout == SAID, ended.stderr


@pytest.mark.slow
def test_programs_of_a_root_without_capabilities_read_nothing_of_it() -> None:
    if os.geteuid() != 0:
        pytest.skip("root's rights can only be taken from root")

    ended = run_behind(less_root("ALL"), sys.executable, "-c", OWNER, timeout_s=200)

    assert ended.stdout == SAID, ended.stderr
