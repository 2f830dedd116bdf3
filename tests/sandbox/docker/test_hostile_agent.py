"""A container whose agent is replaced by one that wants to harm the host: bounded, and a documented error."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sandbox import PythonCode, SandboxBroken, SandboxError
from sandbox.contract import Sandbox
from sandbox.docker.open_docker import open_docker
from sandbox.stream.booting import BOOT
from sandbox.supervisor.owner import this_process
from tests.docker_engine import POLICY, wait_until_none_of

pytestmark = pytest.mark.slow
_REPORT = """\
from sandbox.inner.process.accounting import machine
import json, struct
given = given["settings"]
facts = {"is": "up", **machine(given["folders"]), "path": "/usr/bin", "python": [3, 11, 0], "landlock": 0}
facts["home"] = "/"
def send(kind, channel, payload=b""):
    rest = struct.pack("<IBI", len(payload), kind, channel) + payload
    while rest:
        rest = rest[os.write(1, rest):]
send(2, 0, json.dumps(facts).encode())
os.read(0, 1)  # the host asks for something
"""
_DEEDS = {
    "it says nothing": "while os.read(0, 1 << 16): pass",
    "it closes its output": "os.close(1)\nwhile os.read(0, 1 << 16): pass",
    "it floods every stream": "while True:\n for n in range(64): send(3, n, bytes(65536))",
    "it announces a frame of 4 GiB": "while True: os.write(1, bytes([255] * 65536))",
    "it reports ends without end": (
        "import itertools\nfor n in itertools.count():\n"
        " send(2, n % 99 << 3, json.dumps({'is': 'ended', 'how': n, 'left': [[n, 'x' * 99]] * 99}).encode())"
    ),
    "it opens connections without end": (
        "import itertools\nfor n in itertools.count(1):\n"
        " send(2, (1 << 28 | n) << 3, json.dumps({'is': 'opened'}).encode())"
    ),
    "it opens connections to the network without end": (
        "import itertools\nfor n in itertools.count(1):\n"
        " send(2, (1 << 28 | n) << 3, json.dumps({'is': 'opened', 'door': 'network'}).encode())"
    ),
    "it speaks on a connection that it has closed": (
        "one = (1 << 28 | 1) << 3\n"
        "send(2, one, json.dumps({'is': 'opened', 'door': 'network'}).encode())\n"
        "send(2, one, json.dumps({'is': 'closed'}).encode())\n"
        "while True: send(3, one | 1, bytes(65536))"
    ),
    "it grants more than there is": "while True:\n for n in range(64): send(5, n, b'\\xff' * 4)",
    "it refuses with a long reason": (
        "while True:\n for n in range(9):\n"
        "  send(2, (1 << 27 | n) << 3, json.dumps({'refused': 'x' * 60000, 'kind': 'x'}).encode())\n"
        "  send(2, n << 3, json.dumps({'is': 'refused', 'why': 'x' * 60000}).encode())"
    ),
    "it answers with what no folder holds": (
        "entry = {'name': '../x', 'kind': 'file', 'size': 1, 'executable': False}\n"
        "answer = json.dumps([entry] * 99).encode()\n"
        "while True:\n for n in range(9):\n"
        "  send(2, (1 << 27 | n) << 3, json.dumps({'size': len(answer)}).encode())\n"
        "  send(3, (1 << 27 | n) << 3 | 1, answer)"
    ),
}


async def _list(box: Sandbox) -> object:
    return await box.list()


async def _run(box: Sandbox) -> object:
    return await box.run(PythonCode(source="print(1)"), files={"a": b"1"}, fresh=True)


async def _session(box: Sandbox) -> object:
    async with box.session() as session:
        return await session.changes(), await session.sh("true")


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize("use", [_list, _run, _session], ids=["files", "run", "session"])
@pytest.mark.parametrize("deed", list(_DEEDS))
async def test_a_hostile_agent_costs_the_host_little_and_ends_in_an_error(
    deed: str, use: Callable[[Sandbox], Awaitable[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = BOOT.index("from sandbox.inner.stream.boot")
    monkeypatch.setattr("sandbox.docker.boot.BOOT", f"{BOOT[:start]}{_REPORT}{_DEEDS[deed]}\n")
    for place in ("link.LEASE_S", "execution._START_S", "execution._END_S", "session._END_S"):
        monkeypatch.setattr(f"sandbox.stream.{place}", 3.0)
    monkeypatch.setattr("sandbox.stream.link._BEAT_S", 0.5)
    monkeypatch.setattr("sandbox.stream.stream_files._ANSWER_S", 5.0)
    policy = POLICY.model_copy(update={"wall_s": 5, "network": ("example.org",)})
    before = _resident_mb()
    async with asyncio.timeout(300):
        async with open_docker(policy) as box:
            with pytest.raises(SandboxError):
                await use(box)

    assert _resident_mb() - before < 64
    assert await wait_until_none_of(this_process().mark, seconds=60) == []


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
@pytest.mark.parametrize("facts", ['{"is": "up"}', '{**facts, "sizes": {}}', '{**facts, "pids": "many"}'])
async def test_an_invalid_report_of_an_agent_is_an_error(facts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start = BOOT.index("from sandbox.inner.stream.boot")
    report = _REPORT.replace("json.dumps(facts)", f"json.dumps({facts})")
    monkeypatch.setattr("sandbox.docker.boot.BOOT", f"{BOOT[:start]}{report}")

    with pytest.raises(SandboxBroken, match=r"report|did not give"):
        async with open_docker(POLICY):
            pass
