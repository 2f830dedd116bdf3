"""The image of a Harbor task is built once for each content of its environment folder."""

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.harbor.image import ImageBuild, TaskImageNotBuilt, built_image, folder_digest, task_image
from coder.base.errors import UsageError
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.conftest import remove_image
from tests.benchmarks.harbor.tasks_made import make_task
from tests.docker_engine import IMAGE

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_an_environment_is_built_once_and_found_by_its_digest(engine: Engine, tmp_path: Path) -> None:
    environment = make_task(tmp_path / "one") / "environment"
    built = await task_image(engine, environment, docker_image=None, timeout_s=120)
    shutil.copytree(environment, tmp_path / "other")

    try:
        assert await task_image(engine, tmp_path / "other", docker_image=None, timeout_s=0) == built
    finally:
        await remove_image(engine, built)


async def test_a_changed_file_or_mode_changes_the_digest(tmp_path: Path) -> None:
    environment = make_task(tmp_path) / "environment"
    digests = [folder_digest(environment)]

    (environment / "seed/given.txt").chmod(0o755)
    digests.append(folder_digest(environment))
    (environment / "seed/given.txt").write_text("other\n")
    digests.append(folder_digest(environment))

    assert len(set(digests)) == 3


async def test_a_folder_with_a_sparse_file_that_would_be_read_for_minutes_is_refused(tmp_path: Path) -> None:
    environment = make_task(tmp_path) / "environment"
    (environment / "large").touch()
    os.truncate(environment / "large", 65 << 30)

    with pytest.raises(UsageError, match=r"holds more than 64 GiB, with .*large"):
        folder_digest(environment)


async def test_options_of_a_build_change_the_digest_and_reach_it(engine: Engine, tmp_path: Path) -> None:
    dockerfile = f"FROM {IMAGE} AS one\nARG NAME\nRUN echo $NAME > /tmp/made\nFROM {IMAGE}\n"
    environment = make_task(tmp_path, dockerfile=dockerfile) / "environment"
    (environment / "Dockerfile").rename(environment / "Other")
    build = ImageBuild(context=environment, dockerfile="Other", args={"NAME": "its name"}, target="one")

    built = await built_image(engine, build, timeout_s=120, network_mode="none")
    layers = [layer["CreatedBy"] for layer in await engine.ask("look", lambda api: api.history(built)) or ()]
    await remove_image(engine, built)

    others = [build.model_copy(update=each) for each in ({"target": None}, {"args": {}})]
    assert any("NAME=its name" in line for line in layers)
    assert len({each.digest for each in (build, *others)}) == 3


async def test_a_failing_step_is_said_with_its_output(engine: Engine, tmp_path: Path) -> None:
    environment = make_task(tmp_path, dockerfile=f"FROM {IMAGE}\nCOPY nowhere /app\n") / "environment"

    with pytest.raises(TaskImageNotBuilt, match="nowhere"):
        await task_image(engine, environment, docker_image=None, timeout_s=60)


async def test_a_build_ends_at_its_limit(engine: Engine, tmp_path: Path) -> None:
    dockerfile = f"FROM {IMAGE}\nRUN sleep 30\nRUN sleep 30\n"
    environment = make_task(tmp_path, dockerfile=dockerfile) / "environment"

    with pytest.raises(TaskImageNotBuilt):
        await task_image(engine, environment, docker_image=None, timeout_s=2, network_mode="none")


async def test_a_named_image_is_taken_and_a_missing_one_is_said(engine: Engine, tmp_path: Path) -> None:
    environment = make_task(tmp_path) / "environment"

    assert (await task_image(engine, environment, docker_image=IMAGE, timeout_s=0)).startswith("sha256:")
    with pytest.raises(TaskImageNotBuilt, match="docker pull coder-test-harbor:nowhere"):
        await task_image(engine, environment, docker_image="coder-test-harbor:nowhere", timeout_s=60)
