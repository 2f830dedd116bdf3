"""A process per sandbox that outlives its owner for a moment, and removes what the owner could not.

A started container ends with its owner by itself; one that was made and not started yet doesn't. So this
waits for the end of a lifeline, and only then loads what it needs to ask the engine.
"""

import asyncio
import contextlib
import marshal
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator

from sandbox.docker.engine import connect
from sandbox.docker.labels import SANDBOX, list_containers

_TRIES, _PAUSE_S = 6, 0.5
"""What the owner had asked for may come into being after its death."""
_WAIT = """\
import marshal, os, sys
given = marshal.loads(bytes.fromhex(sys.argv[1]))
os.setsid()
os.chdir("/")
while os.read(0, 1):
    pass
sys.path[:] = given["path"]
from sandbox.docker.container_keeper import clear
clear(given["sandbox"])
"""


@contextlib.asynccontextmanager
async def keeper(*, wanted: bool = True) -> AsyncIterator[str]:
    """A keeper for as long as the block lasts; gives the name by which it knows the sandbox's containers.

    Without one, `wanted` being False, only tests want to see what is left.
    """
    sandbox = secrets.token_hex(8)
    if not wanted:
        yield sandbox
        return
    process = _launch(sandbox)
    try:
        yield sandbox
    finally:
        process.kill()
        process.communicate()


def _launch(sandbox: str) -> "subprocess.Popen[bytes]":
    given = {"path": [os.path.abspath(place) for place in sys.path], "sandbox": sandbox}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WAIT, marshal.dumps(given).hex()],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def clear(sandbox: str) -> None:
    """Remove every container of a sandbox whose owner is gone, those too that come a moment later."""
    asyncio.run(_clear(sandbox))


async def _clear(sandbox: str) -> None:
    engine = await connect()
    try:
        for _ in range(_TRIES):
            for item in await list_containers(engine, f"{SANDBOX}={sandbox}"):
                await engine.remove(str(item["Id"]))
            await asyncio.sleep(_PAUSE_S)
    finally:
        engine.close()
