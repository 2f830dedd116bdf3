"""A model acts in the main service of a task, beside the others, and a killed run leaves none of them."""

import asyncio
import json
from pathlib import Path

import docker
import pytest

from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.compose.services_made import ASK, HAS_PLUGIN, make_services
from tests.benchmarks.harbor.test_acting import DONE, asked, bash, run_long
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint
from tests.processes import wait_until

pytestmark = [pytest.mark.foreign, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
FETCH = f'python3 -c "{ASK.format(name="seed")}" > answer.txt'


def places(names: set[str]) -> set[str]:
    """Networks and volumes of tasks on the engine, without those of other tests."""
    client = docker.from_env()
    own = {"label": "coder.sandbox"}
    now = {str(each.name) for each in (*client.networks.list(filters=own), *client.volumes.list(filters=own))}
    return now - names


if HAS_PLUGIN:

    async def test_a_model_reaches_the_services_from_main_and_is_judged_apart(
        engine: Engine, tmp_path: Path
    ) -> None:
        make_services(tmp_path / "tasks/one")

        with faulty_endpoint(bash(FETCH), DONE) as endpoint:
            done = await run_long(tmp_path, *asked(endpoint, "harbor:tasks"))

        assert done.code == 0, done.err
        (verdict,) = json.loads(done.out)["verdicts"]
        assert (verdict["verdict"], verdict["strength"]) == ("passed", "apart"), verdict

    async def test_a_killed_run_leaves_no_service_network_or_volume(engine: Engine, tmp_path: Path) -> None:
        services = make_services(tmp_path / "tasks/one") / "environment/docker-compose.yaml"
        services.write_text(f"{services.read_text()}    volumes: ['rows:/rows']\nvolumes: {{rows: {{}}}}\n")
        before = places(set())

        with faulty_endpoint(bash("sleep 600")) as endpoint:
            process = Console(tmp_path).start(*asked(endpoint, "harbor:tasks"), OPENAI_API_KEY="x")
            await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 1, timeout_s=600)
            during = places(before)
            process.kill()
            process.communicate()
            is_gone = await asyncio.to_thread(wait_until, lambda: not during & places(before), timeout_s=300)

        assert len(during) >= 2
        assert is_gone
