"""Tasks of several services: fresh ones for each verdict, in their own network, and nothing is left."""

from pathlib import Path
from typing import Any

import docker
import pytest

from benchmarks.harbor.container import ContainerEnded
from benchmarks.harbor.judging import find_harbor_mode, judge_harbor, solution_answer
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.resolving import agent_recipe
from benchmarks.harbor.task import read_task
from sandbox.docker.engine import Engine
from sandbox.docker.labels import OWNER, labels, list_containers, list_places
from sandbox.docker.polling import poll
from tests.benchmarks.harbor.compose.services_made import (
    HAS_PLUGIN,
    SERVICES,
    WRITE_TEST,
    WRITES,
    make_services,
)
from tests.docker_images import SMALL

pytestmark = [pytest.mark.foreign, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
VOLUME = """\
services:
  main:
    depends_on: {web: {condition: service_healthy}, job: {condition: service_completed_successfully}}
    volumes: ["shared:/shared"]
    environment: {STORE: "http://page:8000", FROM_TASK: "${FROM_TASK}", FROM_HOST: "${PATH:-none}"}
    networks: [back]
  job:
    build: ./db
    command: ["sh", "-c", "echo made > /out/made; exit 0"]
    volumes: ["shared:/out"]
    network_mode: none
  web:
    build: ./db
    networks: {back: {aliases: [page]}}
    volumes: ["./db/seed:/data/copy:ro", "./pages:/data/pages"]
    tmpfs: ["/scratch:size=1m"]
    mem_limit: 64m
    healthcheck:
      test: "python3 -c 'import urllib.request as u; u.urlopen(\\"http://localhost:8000/seed\\")'"
      interval: 500ms
networks: {back: {}}
volumes: {shared: {}}
"""


async def left(engine: Engine) -> list[dict[str, Any]]:
    """What this process's tasks have left on the engine."""
    own = f"{OWNER}={labels()[OWNER]}"
    return [*await list_containers(engine, own), *await list_places(engine, own)]


if HAS_PLUGIN:

    async def test_a_task_with_a_store_is_judged_apart_with_a_fresh_store(
        engine: Engine, tmp_path: Path
    ) -> None:
        task = make_services(tmp_path)
        solution = solution_answer(read_task(task))
        assert solution is not None

        mode = await find_harbor_mode(engine, task)
        own = await judge_harbor(engine, task, solution, mode)
        nothing = await judge_harbor(engine, task, "", mode)
        changed = "curl -X PUT $STORE/seed -d 7 || true; echo 7 > /app/answer.txt"
        attack = await judge_harbor(engine, task, changed, mode)

        assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason
        assert (own.outcome, own.strength) == ("passed", "apart")
        assert (nothing.outcome, attack.outcome) == ("failed", "failed")
        assert await left(engine) == []

    async def test_services_have_what_the_file_says_and_a_network_without_a_way_out(
        engine: Engine, tmp_path: Path
    ) -> None:
        task = make_services(
            tmp_path, services=VOLUME, toml='[environment.env]\nFROM_TASK = "its \\"own\\" $5"\n'
        )
        (task / "environment/pages").mkdir()
        (task / "environment/pages/index").write_text("page")

        async with open_container(engine, await agent_recipe(engine, read_task(task))) as main:

            async def printed(command: str) -> str:
                await main.run(["sh", "-c", command], timeout_s=60, log="/tmp/log")
                return (await main.read_file("/tmp/log", max_bytes=4096) or b"").decode().strip()

            ask = "python3 -c \"import urllib.request as u; print(u.urlopen('$STORE/{}').read().decode())\""
            pages = [await printed(ask.format(name)) for name in ("copy", "pages/index", "seed")]
            names = await printed("python3 -c 'import socket; socket.gethostbyname(\"example.com\")'")
            variables = await printed('echo "$FROM_TASK $FROM_HOST"; cat /shared/made')
            details = docker.from_env().containers.get(main.services["web"].name).attrs
            networks = docker.from_env().networks.list(filters={"label": f"{OWNER}={labels()[OWNER]}"})

        assert pages == ["42", "page", "42"]
        assert variables == 'its "own" $5 none\nmade'
        assert "gaierror" in names
        assert [network.attrs["Internal"] for network in networks] == [True]
        assert details["HostConfig"]["Memory"] == 64 << 20
        assert details["HostConfig"]["PidsLimit"] == 4096
        assert details["HostConfig"]["Tmpfs"] == {"/scratch": "size=1m"}
        assert await left(engine) == []

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("localhost:8000", "localhost:1", "service db of the task is unhealthy"),
            ("build: ./db\n", "build: ./db\n    command: sh -c 'echo broken >&2; exit 3'\n", "broken"),
            ("build: ./db\n", "build: ./db\n    command: /no/such/program\n", "doesn't start"),
            ("build: ./db\n", "image: coder-test-harbor:nowhere\n", "docker pull coder-test-harbor:nowhere"),
        ],
        ids=["unhealthy", "ends", "no program", "no image"],
    )
    async def test_a_service_that_is_not_ready_is_named_and_its_task_judges_nobody(
        engine: Engine, tmp_path: Path, old: str, new: str, reason: str
    ) -> None:
        services = SERVICES.replace(old, new).replace("retries: 40", "retries: 2")
        mode = await find_harbor_mode(engine, make_services(tmp_path, services=services))

        assert mode.how == "broken"
        assert reason in mode.reason
        assert await left(engine) == []

    async def test_state_that_is_collected_from_a_service_is_judged_apart(
        engine: Engine, tmp_path: Path
    ) -> None:
        toml = """[verifier]
environment_mode = "separate"
[[verifier.collect]]
service = "db"
command = "cat /data/row > /dump.txt"
[verifier.environment]
network_mode = "no-network"
"""
        test = "#!/bin/bash\ngrep -cx made /dump.txt > /logs/verifier/reward.txt\n"
        task = make_services(tmp_path, solve=WRITES, test=test, toml=toml)
        declared = 'artifacts = [{source = "/dump.txt", service = "db"}]\n'
        (task / "task.toml").write_text(declared + (task / "task.toml").read_text())
        (task / "tests/Dockerfile").write_text(f"FROM {SMALL}\nUSER root\nCOPY test.sh /tests/test.sh\n")

        mode = await find_harbor_mode(engine, task)
        nothing = await judge_harbor(engine, task, "", mode)
        elsewhere = await judge_harbor(engine, task, "echo made > /dump.txt", mode)

        assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason
        assert mode.own is not None
        assert mode.own.files == {"/dump.txt"}
        assert (nothing.outcome, elsewhere.outcome) == ("failed", "failed")

    async def test_a_state_of_services_that_is_not_collected_is_judged_beside_them(
        engine: Engine, tmp_path: Path
    ) -> None:
        mode = await find_harbor_mode(engine, make_services(tmp_path, solve=WRITES, test=WRITE_TEST))

        assert (mode.how, mode.strength) == ("shared", "weak"), mode.reason

    async def test_a_service_that_is_not_there_is_named(engine: Engine, tmp_path: Path) -> None:
        toml = '[[verifier.collect]]\nservice = "cache"\ncommand = "true"\n'

        mode = await find_harbor_mode(engine, make_services(tmp_path, toml=toml))

        assert mode.how == "broken"
        assert "services that it doesn't have: cache" in mode.reason

    @pytest.mark.parametrize(
        ("volume", "ended"),
        [("rows:/data/rows", [137, 137]), ("/data/rows", [None, 137])],
        ids=["named", "own"],
    )
    async def test_a_volume_that_is_filled_ends_the_containers_that_have_it(
        engine: Engine, tmp_path: Path, volume: str, ended: list[int | None]
    ) -> None:
        services = (
            "services:\n  main: {volumes: ['rows:/rows']}\n"
            f"  db: {{build: ./db, volumes: ['{volume}']}}\nvolumes: {{rows: {{}}}}\n"
        )
        task = make_services(tmp_path, services=services, toml="storage_mb = 20\n")

        async with open_container(engine, await agent_recipe(engine, read_task(task))) as main:
            db = main.services["db"]
            await db.run(
                ["dd", "if=/dev/zero", "of=/data/rows/full", "bs=1M", "count=40"], timeout_s=60, user="0"
            )
            codes = [
                await poll(each.exit_code, lambda code: code is not None, every_s=0.2, times=times)
                for each, times in ((db, 1500), (main, 1500 if ended[0] else 50))
            ]

        assert codes[::-1] == ended

    async def test_a_service_that_fills_its_disk_before_it_is_ready_is_ended(
        engine: Engine, tmp_path: Path
    ) -> None:
        services = (
            "services:\n  main: {}\n  db:\n    build: ./db\n"
            "    command: [sh, -c, 'dd if=/dev/zero of=/full bs=1M count=40; sleep 1000']\n"
            "    healthcheck: {test: 'false', interval: 1s, start_period: 1000s}\n"
        )
        task = make_services(tmp_path, services=services, toml="storage_mb = 20\n")

        with pytest.raises(ContainerEnded, match="The service db of the task ended with exit code 137"):
            async with open_container(engine, await agent_recipe(engine, read_task(task))):
                pass
