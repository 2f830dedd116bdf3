"""Tasks of several steps: one container, in which files and processes last, and a verdict on each step."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from benchmarks.harbor.judging import find_harbor_mode, judge_harbor, solution_answer
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.task import read_task
from sandbox.docker.engine import Engine, EngineRefused
from tests.benchmarks.harbor.tasks_made import make_task, recipe_of
from tests.benchmarks.harbor.test_acting import DONE, asked, bash, run, run_long, wait_until_made
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
LEAST = "min_reward = 1\n"
STEPS = """[[steps]]
name = "one"
{least}[steps.healthcheck]
command = "test -e set-up"
[[steps]]
name = "two"
"""
CHECK = """#!/bin/bash
if {what}; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""
FILES = {
    "steps/one/instruction.md": "Start something.\n",
    "steps/one/workdir/setup.sh": "touch set-up\n",
    "steps/one/workdir/input.txt": "7\n",
    "steps/one/tests/test.sh": CHECK.format(what='[ "$(cat /app/one.txt)" = 7 ]'),
    "steps/one/solution/solve.sh": "#!/bin/bash\n(sleep 600 & echo $! > /tmp/pid)\ncp input.txt one.txt\n",
    "steps/two/instruction.md": "Find what you started.\n",
    "steps/two/tests/test.sh": CHECK.format(what='[ "$(cat /app/one.txt /app/two.txt)" = "7\n8" ]'),
    "steps/two/solution/solve.sh": "#!/bin/bash\nkill -0 $(cat /tmp/pid) && echo 8 > two.txt\n",
}


def make_steps(folder: Path, *, least: str = LEAST) -> Path:
    task = make_task(folder, toml=STEPS.format(least=least))
    (task / "solution/solve.sh").unlink()
    (task / "solution").rmdir()
    for path, text in FILES.items():
        (task / path).parent.mkdir(parents=True, exist_ok=True)
        (task / path).write_text(text)
    return task


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


async def test_each_step_is_judged_apart_in_the_order_of_work(engine: Engine, tmp_path: Path) -> None:
    task = make_steps(tmp_path)
    solution = solution_answer(read_task(task))
    assert solution is not None

    mode = await find_harbor_mode(engine, task)
    own = await judge_harbor(engine, task, solution, mode)
    nothing = await judge_harbor(engine, task, "", mode)

    assert (mode.how, own.outcome, len(own.steps)) == ("apart", "passed", 2), mode.reason
    assert own.reward is not None
    assert own.reward.numbers == {"reward": 1.0}
    assert (nothing.outcome, len(nothing.steps)) == ("failed", 1)
    assert "1 more not tried" in nothing.detail


async def test_doing_nothing_fails_each_step_where_none_is_required(engine: Engine, tmp_path: Path) -> None:
    task = make_steps(tmp_path, least="")

    nothing = await judge_harbor(engine, task, "", await find_harbor_mode(engine, task))

    assert [step.outcome for step in nothing.steps] == ["failed", "failed"]


async def test_an_answer_that_stops_the_set_up_of_a_step_fails_there(engine: Engine, tmp_path: Path) -> None:
    task = make_steps(tmp_path)
    (task / "steps/two/workdir").mkdir()
    (task / "steps/two/workdir/setup.sh").write_text("test ! -e /app/blocks\n")
    mode = await find_harbor_mode(engine, task)

    blocked = await judge_harbor(engine, task, "cp input.txt one.txt; touch blocks", mode)

    assert [step.outcome for step in blocked.steps] == ["passed", "error"]
    assert "its setup.sh ended with exit code 1" in blocked.detail
    assert blocked.outcome == "error"


async def test_nothing_changes_in_a_frozen_container(engine: Engine, image: str) -> None:
    async with open_container(engine, recipe_of(image)) as container:
        writes = "while sleep 0.01; do echo more >> /app/now; done"
        begun = "until [ -s /app/now ]; do sleep 0.01; done"
        await container.run(["sh", "-c", f"({writes}) & {begun}"], timeout_s=60)

        async def read() -> bytes | None:
            return await container.read_file("/app/now", max_bytes=1 << 24)

        async with container.frozen():
            first = await read()
            await asyncio.sleep(1)
            second = await read()
        async with asyncio.timeout(300):
            while await read() == second:  # it goes on writing
                pass

    assert first
    assert first == second


@pytest.mark.parametrize(("refusals", "frozen"), [(2, True), (100, False)])
async def test_a_container_that_could_not_be_frozen_at_once_is_frozen_by_a_later_try(
    engine: Engine, image: str, monkeypatch: pytest.MonkeyPatch, refusals: int, frozen: bool
) -> None:
    states, refused, ask = [], 0, engine.ask

    async def refusing(what: str, call: Any, **how: Any) -> Any:
        nonlocal refused
        if what == "freeze a container" and refused < refusals:
            refused += 1
            raise EngineRefused("unable to freeze", status=500)
        return await ask(what, call, **how)

    async with open_container(engine, recipe_of(image)) as container:
        monkeypatch.setattr(engine, "ask", refusing)
        with nullcontext() if frozen else pytest.raises(EngineRefused):
            async with container.frozen():
                look = await ask("look", lambda api: api.inspect_container(container.name))
                assert look is not None
                states.append(look["State"]["Paused"])
        monkeypatch.undo()

    assert states == [True] * frozen


async def killed_at_the_second_step(tmp_path: Path, endpoint: FaultyEndpoint) -> str:
    """Kill a run while its command `BEGINS` runs in the second step of a task, and return the run's name."""
    make_steps(tmp_path / "tasks/one")
    process = Console(tmp_path).start(*asked(endpoint, "harbor:tasks"), OPENAI_API_KEY="x")
    await wait_until_made("/app/half")
    process.kill()
    process.communicate()
    return (await run(tmp_path, "bench", "list", "--runs")).out.split()[0]


def steps_in(endpoint: FaultyEndpoint) -> list[str]:
    """First line of each request's instruction."""
    return [request.body["messages"][1]["content"].splitlines()[0] for request in endpoint.requests]


FIRST, SECOND = bash("cp input.txt one.txt; mkdir made; chmod 700 made; rm old.txt"), bash("echo 8 > two.txt")
BEGINS = bash("touch half; sleep 600")


async def test_a_resumed_run_begins_at_the_step_where_it_stopped_with_the_files_of_those_before(
    engine: Engine, tmp_path: Path
) -> None:
    looks = bash("stat -c %a made; ls; test -e half || echo 8 > two.txt")

    with faulty_endpoint(FIRST, DONE, BEGINS, looks, DONE) as endpoint:
        name = await killed_at_the_second_step(tmp_path, endpoint)
        kept = kept_files(tmp_path)
        done = await run_long(tmp_path, "bench", "run", "--resume", name, "--json")

    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["outcomes"], report["usage"][0]["calls"]) == ({"passed": 1}, 5)
    assert steps_in(endpoint) == [*["Start something."] * 2, *["Find what you started."] * 3]
    listed = endpoint.requests[4].body["messages"][-1]["content"].split()
    assert "700" in listed
    assert {"one.txt", "given.txt", "old.txt", "half"} & {*listed} == {"one.txt", "given.txt"}
    assert (len(kept), kept_files(tmp_path)) == (1, [])


@pytest.mark.parametrize("change", ["removed", "changed"])
async def test_a_resumed_run_begins_at_the_first_step_where_the_kept_files_are_not_those_of_the_log(
    engine: Engine, tmp_path: Path, change: str
) -> None:
    with faulty_endpoint(FIRST, DONE, BEGINS, FIRST, DONE, SECOND, DONE) as endpoint:
        name = await killed_at_the_second_step(tmp_path, endpoint)
        (kept,) = kept_files(tmp_path)
        if change == "removed":
            kept.unlink()
        else:
            kept.write_bytes(kept.read_bytes() + b"\0")
        done = await run_long(tmp_path, "bench", "run", "--resume", name, "--json")

    assert json.loads(done.out)["outcomes"] == {"passed": 1}, done.err
    assert steps_in(endpoint) == [
        *["Start something."] * 2, "Find what you started.",
        *["Start something."] * 2, *["Find what you started."] * 2,
    ]  # fmt: skip


def kept_files(home: Path) -> list[Path]:
    return [path for path in home.rglob("bench/steps/*/*") if path.is_file()]
