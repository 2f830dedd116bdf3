"""Networks of a task's containers: what can't be enforced is refused, and no-network has only itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
import pytest_asyncio

from benchmarks.harbor.container import open_container
from benchmarks.harbor.judging import find_harbor_mode
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import PROCESS, make_task, recipe_of
from tests.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SERVES = "#!/bin/bash\ncd /app && (python3 -m http.server 8765 > /dev/null 2>&1 &)\nsleep 1\n"
ASKS = """#!/bin/bash
if (exec 3<>/dev/tcp/127.0.0.1/8765); then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""
LISTED = 'network_mode = "allowlist"\nallowed_hosts = ["pypi.org"]\n'


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


@pytest.mark.parametrize("phase", ["agent", "verifier"])
async def test_a_network_limited_to_hosts_is_refused_by_name(
    engine: Engine, tmp_path: Path, phase: str
) -> None:
    mode = await find_harbor_mode(engine, make_task(tmp_path, toml=f"[{phase}]\n{LISTED}"))

    assert mode.how == "broken"
    assert 'network_mode = "allowlist"' in mode.reason


async def test_tests_with_another_network_never_run_beside_the_agent(engine: Engine, tmp_path: Path) -> None:
    other = '[verifier]\nnetwork_mode = "public"\n'

    mode = await find_harbor_mode(engine, make_task(tmp_path, test=ASKS, solve=SERVES, toml=other))

    assert mode.how == "broken"
    assert "its tests have another network than its agent" in mode.reason


async def test_a_host_that_another_container_reaches_is_out_of_reach_without_a_network(
    engine: Engine, image: str
) -> None:
    name = f"coder-test-{PROCESS}"
    client = docker.from_env()
    network = client.networks.create(name)
    serves = ["python3", "-m", "http.server", "8765"]
    server = client.containers.run(image, serves, network=name, detach=True)
    other = client.containers.run(image, ["sleep", "600"], network=name, detach=True)
    try:
        server.reload()
        address = server.attrs["NetworkSettings"]["Networks"][name]["IPAddress"]
        asks = ["timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{address}/8765"]
        is_reached = await asyncio.to_thread(wait_until, lambda: other.exec_run(asks).exit_code == 0)
        async with open_container(engine, recipe_of(image)) as closed:
            ended = await closed.run(asks, timeout_s=30)
            listed = await closed.run(["sh", "-c", "test $(ls /sys/class/net) = lo"], timeout_s=30)
    finally:
        for each in (server, other):
            each.remove(force=True)
        network.remove()

    assert is_reached
    assert ended.exit_code != 0
    assert listed.exit_code == 0
