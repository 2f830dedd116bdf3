"""Verifiers with a container of their own: what is declared comes there, and nothing else does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.image import REPOSITORY, folder_digest
from benchmarks.harbor.judging import find_harbor_mode, judge_harbor
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.conftest import remove_image
from tests.benchmarks.harbor.tasks_made import PROCESS, make_task
from tests.docker_images import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SEPARATE = '[verifier]\nenvironment_mode = "separate"\n'
TEST = """#!/bin/bash
if [ "$(cat /app/out/answer.txt)" = 42 ] && [ ! -e /app/beside.txt ]; then echo 1; else echo 0; fi \\
    > /logs/verifier/reward.txt
"""
SOLVE = "#!/bin/bash\nmkdir -p /app/out && echo 42 > /app/out/answer.txt; touch /app/beside.txt\n"
OF_ITS_OWN = f"""FROM {SMALL}
USER root
WORKDIR /grader
COPY test.sh /tests/test.sh
COPY stale.txt /app/out/stale.txt
LABEL test={PROCESS}
"""


def write_separate(
    folder: Path, *, artifacts: str = '"/app/out"', test: str = TEST, solve: str = SOLVE, more: str = ""
) -> Path:
    task = make_task(folder, test=test, solve=solve, toml=f"{SEPARATE}{more}")
    toml = (task / "task.toml").read_text()
    (task / "task.toml").write_text(f"artifacts = [{artifacts}]\n{toml}")
    return task


def write_image(task: Path) -> None:
    """Write the image of the verifier, which holds the tests."""
    (task / "tests/Dockerfile").write_text(OF_ITS_OWN)
    (task / "tests/stale.txt").write_text("")


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


async def test_only_artifacts_reach_a_verifier_with_a_container_of_its_own(
    engine: Engine, tmp_path: Path
) -> None:
    task = write_separate(tmp_path)

    mode = await find_harbor_mode(engine, task)
    nothing = await judge_harbor(engine, task, "", mode)
    other = await judge_harbor(engine, task, "mkdir out; echo 41 > out/answer.txt", mode)

    assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason
    assert mode.own is not None
    assert mode.own.files == {"/app/out/answer.txt"}
    assert (nothing.outcome, other.outcome) == ("failed", "failed")


async def test_an_image_of_the_verifier_holds_the_tests_and_not_what_the_agent_has(
    engine: Engine, tmp_path: Path
) -> None:
    test = TEST.replace("[ ! -e /app/beside.txt ]", "[ ! -e /app/out/stale.txt ] && [ -d /grader ]")
    task = write_separate(tmp_path, test=test, more="[verifier.environment]\nmemory_mb = 256\n")
    write_image(task)

    mode = await find_harbor_mode(engine, task)
    wrapped = "mkdir -p out /grader; echo 1 > out/answer.txt; printf '#!/bin/sh\\necho 42' > /bin/cat"
    attack = await judge_harbor(engine, task, wrapped, mode)
    await remove_image(engine, f"{REPOSITORY}:{folder_digest(task / 'tests')[:32]}")

    assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason
    assert attack.outcome == "failed"


async def test_commands_collect_state_of_living_processes_before_they_end(
    engine: Engine, tmp_path: Path
) -> None:
    collects = '[[verifier.collect]]\ncommand = "cat < /tmp/pipe > /logs/artifacts/state.txt"\n'
    solve = "#!/bin/bash\nmkfifo /tmp/pipe && (echo 42 > /tmp/pipe &)\n"
    test = (
        "#!/bin/bash\ngrep -qx 42 /logs/artifacts/state.txt && echo 1 > /logs/verifier/reward.txt || true\n"
    )
    test += "[ -e /logs/verifier/reward.txt ] || echo 0 > /logs/verifier/reward.txt\n"
    task = write_separate(tmp_path, artifacts="", solve=solve, test=test, more=collects)

    mode = await find_harbor_mode(engine, task)

    assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason


async def test_collected_files_reach_tests_that_are_judged_apart_too(engine: Engine, tmp_path: Path) -> None:
    collects = '[[verifier.collect]]\ncommand = "cp /app/answer.txt /logs/artifacts/copy.txt"\n'
    test = "#!/bin/bash\ngrep -cx 42 /logs/artifacts/copy.txt > /logs/verifier/reward.txt\n"

    mode = await find_harbor_mode(engine, make_task(tmp_path, test=test, toml=collects))

    assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason


async def test_a_link_in_an_artifact_leads_nothing_into_the_tests(engine: Engine, tmp_path: Path) -> None:
    task = write_separate(tmp_path, artifacts='"/app/out", "/app/out/sub/test.sh"')
    mode = await find_harbor_mode(engine, task)
    wins = "#!/bin/sh\\necho 1 > /logs/verifier/reward.txt\\n"

    attack = f"mkdir out /tests; ln -s /tests out/sub; printf '{wins}' > /tests/test.sh"
    judged = await judge_harbor(engine, task, attack, mode)

    assert judged.outcome == "failed"
    assert "/app/out/sub/test.sh" in judged.left_out


async def test_excluded_files_stay_and_files_become_root_s_without_setuid(
    engine: Engine, tmp_path: Path
) -> None:
    checks = "[ ! -e /app/out/a.log ] && [ ! -e /app/out/cache ] && [ -z $(find /app/out -perm /6000) ]"
    test = TEST.replace("[ ! -e /app/beside.txt ]", checks)
    solve = (
        f"{SOLVE}cd /app/out; mkdir cache; touch a.log cache/b; chmod u+s answer.txt; chown 7 answer.txt\n"
    )
    artifacts = '{source = "/app/out/", exclude = ["*.log", "cache"]}'
    task = write_separate(tmp_path, artifacts=artifacts, test=test, solve=solve)

    mode = await find_harbor_mode(engine, task)

    assert (mode.how, mode.strength) == ("apart", "apart"), mode.reason


async def test_a_solution_that_fails_in_the_verifier_s_container_is_not_tried_beside_the_agent(
    engine: Engine, tmp_path: Path
) -> None:
    mode = await find_harbor_mode(engine, write_separate(tmp_path, artifacts='"/app/elsewhere"'))

    assert mode.how == "broken"
    assert "its own solution fails" in mode.reason
