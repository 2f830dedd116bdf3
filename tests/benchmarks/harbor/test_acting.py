"""A model acts in the container of a Harbor task, and what it leaves is judged as an oracle's work is."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
import pytest_asyncio
from docker.models.containers import Container

from benchmarks.harbor.image import REPOSITORY, folder_digest, task_image
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.conftest import remove_image
from tests.benchmarks.harbor.tasks_made import ASKS_A_SERVICE, DOCKERFILE, PROCESS, SERVES, make_task
from tests.coder.people.cli.console import Console, Finished
from tests.faulty_endpoint import FaultyEndpoint, Reply, calls, faulty_endpoint, says
from tests.growing_limits import growing_limits
from tests.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
WATCHES = '["sh", "-c", "while [ ! -e /tmp/stop ]; do sleep 0.1; done"]'
DONE = calls("done", summary="It is done.")
INSTALLED = """#!/bin/bash
if [ "$(cat /app/answer.txt /etc/made)" = "42
made" ] && [ "$(stat -c %a /app)" = 755 ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


def bash(command: str) -> Reply:
    return calls("bash", command=command)


def asked(endpoint: FaultyEndpoint, *more: str) -> tuple[str, ...]:
    words = ("bench", "run", *more, "--base-url", endpoint.url, "-m", "toy", "--price", "1,1", "-w", "1")
    return (*words, "--json")


async def run(home: Path, *words: str) -> Finished:
    return await asyncio.to_thread(Console(home).run, *words, OPENAI_API_KEY="x")


async def run_long(home: Path, *words: str) -> Finished:
    """Run a command that starts many containers: on a busy machine that takes minutes."""
    process = Console(home).start(*words, OPENAI_API_KEY="x")
    try:
        out, err = await asyncio.to_thread(process.communicate, timeout=600)
    finally:
        process.kill()
    return Finished(process.returncode, out.decode(), err.decode())


def containers() -> list[Container]:
    """Containers of this process's tasks."""
    client = docker.from_env()
    listed = client.containers.list(all=True, filters={"label": "coder.sandbox"}, ignore_removed=True)
    return [each for each in listed if each.labels.get("test") == PROCESS]


async def wait_until_made(path: str) -> None:
    """Wait until a command of a model has made a file in a task's container."""

    def is_made(container: Container) -> bool:
        try:
            # No program looks: the engine waits without end for one that starts while processes are frozen.
            container.get_archive(path)
        except docker.errors.APIError:  # there is no such file, or no such container any more
            return False
        return True

    made = await asyncio.to_thread(wait_until, lambda: any(map(is_made, containers())))
    assert made, f"no container has {path}"


async def test_a_model_installs_serves_and_answers_and_is_judged_as_the_oracle_is(
    engine: Engine, tmp_path: Path
) -> None:
    installs = "#!/bin/bash\necho 42 > /app/answer.txt; echo made > /etc/made\n"
    make_task(tmp_path / "tasks/1-installs", test=INSTALLED, solve=installs)
    make_task(tmp_path / "tasks/2-serves", test=ASKS_A_SERVICE, solve=f"#!/bin/bash\n{SERVES}")
    make_task(tmp_path / "tasks/3-wrong")
    script = (
        bash(f"echo made > /etc/made; {SERVES}"), calls("edit", path="answer.txt", new="42\n"), DONE,
        bash(SERVES), DONE,
        bash("echo 41 > answer.txt; echo 1 > /logs/verifier/reward.txt"), DONE,
    )  # fmt: skip

    with faulty_endpoint(*script) as endpoint:
        done = await run(tmp_path, *asked(endpoint, "harbor:tasks"))

    assert done.code == 0, done.err
    verdicts = json.loads(done.out)["verdicts"]
    assert [(each["verdict"], each["strength"]) for each in verdicts] == [
        ("passed", "apart-system"),
        ("passed", "weak"),
        ("failed", "apart"),
    ]
    assert verdicts[0]["outside"] == ["added /etc/made"]
    assert containers() == []
    first = endpoint.requests[0].body["messages"]
    assert "container that was made for this task" in first[0]["content"]
    assert first[1]["content"].startswith("Write the answer to /app/answer.txt.")


async def test_what_a_model_left_is_judged_when_its_time_is_over(engine: Engine, tmp_path: Path) -> None:
    script = (bash("echo 42 > answer.txt"), bash("sleep 600"), says("hm"))
    for limit_s in growing_limits(6):
        home = tmp_path / f"{limit_s:g}"
        make_task(home / "tasks/slow", toml=f"[agent]\ntimeout_sec = {limit_s:g}\n")
        with faulty_endpoint(*script) as endpoint:
            done = await run(home, *asked(endpoint, "harbor:tasks"))
        if len(endpoint.requests) > 1:  # the first command has ended in time
            break

    assert done.code == 0, done.err
    (verdict,) = json.loads(done.out)["verdicts"]
    assert (verdict["verdict"], verdict["strength"]) == ("passed", "apart")


async def test_a_model_that_kills_all_processes_works_on_in_the_same_files(
    engine: Engine, tmp_path: Path
) -> None:
    make_task(tmp_path / "tasks/one")
    script = (bash("echo 4 > begun"), bash("kill -9 -1"), bash('echo "$(cat begun)2" > answer.txt'), DONE)

    with faulty_endpoint(*script) as endpoint:
        done = await run(tmp_path, *asked(endpoint, "harbor:tasks"))

    assert done.code == 0, done.err
    assert json.loads(done.out)["outcomes"] == {"passed": 1}


async def test_a_model_that_ends_the_container_is_judged_by_what_it_left(
    engine: Engine, tmp_path: Path
) -> None:
    task = make_task(tmp_path / "tasks/one", dockerfile=f"{DOCKERFILE}ENTRYPOINT {WATCHES}\n")

    with faulty_endpoint(bash("echo 42 > answer.txt; touch /tmp/stop; sleep 60"), DONE) as endpoint:
        done = await run(tmp_path, *asked(endpoint, "harbor:tasks"))
    image = await task_image(engine, task / "environment", docker_image=None, timeout_s=120)
    await remove_image(engine, image)

    assert done.code == 0, done.err
    (verdict,) = json.loads(done.out)["verdicts"]
    assert (verdict["verdict"], verdict["strength"]) == ("passed", "apart")


async def test_a_killed_run_leaves_no_container_and_its_case_is_attempted_again(
    engine: Engine, tmp_path: Path
) -> None:
    make_task(tmp_path / "tasks/one")

    with faulty_endpoint(bash("touch begun; sleep 600"), bash("ls; echo 42 > answer.txt"), DONE) as endpoint:
        process = Console(tmp_path).start(*asked(endpoint, "harbor:tasks"), OPENAI_API_KEY="x")
        await wait_until_made("/app/begun")
        process.kill()
        process.communicate()
        is_gone = await asyncio.to_thread(wait_until, lambda: not containers(), timeout_s=300)
        listed = await run(tmp_path, "bench", "list", "--runs")
        name = listed.out.split()[0]
        done = await run(tmp_path, "bench", "run", "--resume", name, "--json")

    assert is_gone
    assert done.code == 0, done.err
    assert json.loads(done.out)["outcomes"] == {"passed": 1}
    again = endpoint.requests[2].body["messages"][-1]["content"]
    assert "given.txt" in again
    assert "begun" not in again


async def test_a_model_is_told_of_the_skills_in_the_image_of_its_task(engine: Engine, tmp_path: Path) -> None:
    copies = f"{DOCKERFILE}COPY skills /opt/skills\n"
    task = make_task(tmp_path / "tasks/one", dockerfile=copies, toml='skills_dir = "/opt/skills"\n')
    texts = {
        "answers": "---\nname: answers\ndescription: How to answer.\n---\nWrite 42.\n",
        "hidden": "---\nname: hidden\ndescription: No.\ndisable-model-invocation: true\n---\n",
        "broken": "no front matter\n",
    }
    for name, text in texts.items():
        (task / "environment/skills" / name).mkdir(parents=True)
        (task / "environment/skills" / name / "SKILL.md").write_text(text)

    with faulty_endpoint(bash("cat /opt/skills/answers/SKILL.md; echo 42 > answer.txt"), DONE) as endpoint:
        done = await run(tmp_path, *asked(endpoint, "harbor:tasks"))
    await remove_image(engine, f"{REPOSITORY}:{folder_digest(task / 'environment')[:32]}")

    prompt = endpoint.requests[0].body["messages"][1]["content"]
    assert json.loads(done.out)["outcomes"] == {"passed": 1}, done.err
    assert "- answers: How to answer. (/opt/skills/answers/SKILL.md)" in prompt
    assert not [name for name in ("hidden", "broken") if name in prompt]
