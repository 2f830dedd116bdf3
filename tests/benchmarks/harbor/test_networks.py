"""Networks of a task's containers: the listed hosts alone, or nothing but the container itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
import pytest_asyncio

from benchmarks.harbor.judging import find_harbor_mode
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.recipe import HarborRecipe
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import ASKS_A_SERVICE, PROCESS, SERVES, make_task, recipe_of
from tests.internet import Handler, internet
from tests.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
LISTED = 'network_mode = "allowlist"\nallowed_hosts = ["pypi.org"]\n'


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


class Answers(Handler):
    """A server that answers with the host that it is asked for."""

    def do_GET(self) -> None:
        self.answer(f"you asked {self.headers['Host']}".encode())


FETCH = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
"""


async def test_programs_reach_the_allowed_hosts_and_no_other_way_out(engine: Engine, image: str) -> None:
    hosts = ("good.example", "*.pack.example")
    recipe = HarborRecipe(image=image, network="allowlist", hosts=hosts)
    with internet(Answers) as outside:
        async with open_container(engine, recipe, outside=outside) as container:

            async def fetch(url: str, *options: str) -> tuple[int | None, str]:
                command = ["env", *options, "python3", "-c", FETCH, url]
                ended = await container.run(command, timeout_s=60, log="/tmp/log")
                printed = await container.read_file("/tmp/log", max_bytes=1 << 16) or b""
                return ended.exit_code, printed.decode()

            good = await fetch("http://good.example/")
            below = await fetch("http://files.pack.example/")
            other = await fetch("http://evil.example/")
            straight = await fetch("http://good.example/", "-u", "http_proxy", "-u", "HTTP_PROXY")
            listed = await container.run(["sh", "-c", "test $(ls /sys/class/net) = lo"], timeout_s=30)
    containers = await engine.ask("list containers", lambda api: api.containers(all=True)) or []

    assert good == (0, "you asked good.example\n")
    assert below == (0, "you asked files.pack.example\n")
    assert (other[0], "403" in other[1]) == (1, True), other
    assert straight[0] == 1, straight
    assert listed.exit_code == 0
    assert not [each["Names"] for each in containers if container.name in str(each["Names"])]


async def test_a_task_whose_tests_reach_listed_hosts_is_judged_with_this_network_alone(
    engine: Engine, tmp_path: Path
) -> None:
    test = """#!/bin/bash
if [ "$https_proxy" ] && [ "$(cat /app/answer.txt)" = 42 ]; then echo 1; else echo 0; fi \\
    > /logs/verifier/reward.txt
"""
    task = make_task(tmp_path, test=test, toml=f"[verifier]\n{LISTED}")

    mode = await find_harbor_mode(engine, task)

    assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "192.168.0.1"], ids=["a range", "a private address"])
async def test_hosts_that_the_proxy_never_reaches_are_refused_by_name(
    engine: Engine, tmp_path: Path, entry: str
) -> None:
    listed = f'[agent]\nnetwork_mode = "allowlist"\nallowed_hosts = ["{entry}"]\n'

    mode = await find_harbor_mode(engine, make_task(tmp_path, toml=listed))

    assert mode.how == "broken"
    assert "allowed_hosts can't be enforced" in mode.reason
    assert entry in mode.reason


async def test_tests_with_another_network_never_run_beside_the_agent(engine: Engine, tmp_path: Path) -> None:
    other = '[verifier]\nnetwork_mode = "public"\n'

    mode = await find_harbor_mode(
        engine, make_task(tmp_path, test=ASKS_A_SERVICE, solve=f"#!/bin/bash\n{SERVES}", toml=other)
    )

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
