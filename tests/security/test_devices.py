"""All sandboxes show the same nodes of devices: their times carry nothing from one to another."""

import os
from typing import Literal

import pytest

from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.docker.open_docker import open_docker
from tests.docker_engine import IMAGE

TOUCHES = """
import os
for name in ('null', 'zero', 'full', 'random', 'urandom', 'tty'):
    path = '/dev/' + name
    for place in (path, os.open(path, os.O_PATH), 0):
        try:
            os.utime(place if isinstance(place, str) else f'/proc/self/fd/{place}')
            print('ESCAPED', path, place)
        except OSError:
            continue
with open('/dev/null', 'w') as file:
    print('written', file.write('x'))
"""


@pytest.mark.slow
@pytest.mark.parametrize("walls", ["two", "one"])
async def test_a_program_touches_the_machines_devices_only_without_the_mechanism(
    walls: Literal["two", "one"],
) -> None:
    if walls == "one" and os.geteuid() != 0:
        pytest.skip("without a server inside, only root can mount devices read-only")
    outputs = []
    for without in (frozenset[str](), frozenset({"devices"})):
        async with open_bubblewrap(Policy(), without=without, walls=walls) as box:
            outputs.append((await box.run(PythonCode(source=TOUCHES))).stdout)
            mechanisms = {item.guarantee: item.mechanism or "" for item in box.capabilities()}

    assert outputs[0] == "written 1\n"
    assert "ESCAPED /dev/null" in outputs[1]
    assert "devices mounted read-only" in mechanisms["other runs"]


@pytest.mark.usefixtures("docker_engine")
async def test_a_container_has_devices_of_its_own() -> None:
    async with open_docker(Policy(image=IMAGE)) as box:
        result = await box.run(PythonCode(source="import os; print(os.stat('/dev/null').st_dev)"))

    assert int(result.stdout) != os.stat("/dev/null").st_dev
