"""Harbor tasks as cases of a suite: their own solutions pass, nothing fails, each verdict has its label."""

import asyncio
import functools
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.judging import find_harbor_mode, judge_harbor, solution_answer
from benchmarks.harbor.task import read_task
from coder.base.errors import UsageError
from sandbox.docker.engine import Engine
from sandbox.docker.labels import OWNER, labels, list_containers
from tests.benchmarks.harbor.tasks_made import ASKS_A_SERVICE, SERVES, make_task
from tests.coder.people.cli.console import Console

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
REPLACES = "#!/bin/bash\nprintf '#!/bin/sh\\necho 42\\n' > /usr/bin/factor\n"
RUNS_IT = """#!/bin/bash
if [ "$(factor)" = 42 ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""


def own_answer(task: Path) -> str:
    answer = solution_answer(read_task(task))
    assert answer is not None
    return answer


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


async def test_a_task_whose_solution_writes_files_is_judged_apart(engine: Engine, tmp_path: Path) -> None:
    task = make_task(tmp_path)

    mode = await find_harbor_mode(engine, task)
    nothing = await judge_harbor(engine, task, "", mode)
    script = await judge_harbor(engine, task, "echo 42 > answer.txt", mode)

    assert (mode.how, mode.strength, mode.needs_deciding) == ("apart", "apart", False)
    assert (nothing.outcome, script.outcome, script.strength) == ("failed", "passed", "apart")


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("[verifier.environment]\ngpus = 1\n", "GPUs"),
        ("[[verifier.collect]]\ncommand = 'true'\nservice = 'db'\n", "services that it doesn't have: db"),
    ],
    ids=["GPUs", "services"],
)
async def test_what_a_verifier_needs_and_is_not_here_is_refused_by_name(
    engine: Engine, tmp_path: Path, toml: str, reason: str
) -> None:
    mode = await find_harbor_mode(engine, make_task(tmp_path, toml=toml))

    assert mode.how == "broken"
    assert reason in mode.reason


def link_ignoring(task: Path) -> None:
    (task / "environment/.dockerignore").symlink_to("/dev/zero")


def write_ignoring(task: Path) -> None:
    (task / "environment/.dockerignore").write_bytes(b"caf\xe9\n")


@pytest.mark.parametrize(
    ("toml", "change", "reason"),
    [
        ("[agent]\nuser = 'no-such-user'\n", None, "no-such-user"),
        ("workdir = '/etc/passwd'\n", None, "/etc/passwd"),
        ("workdir = 'app'\n", None, "absolute path"),
        ("cpus = 4000000000\n", None, "CPUs"),
        ("", link_ignoring, ".dockerignore is a link"),
        ("", write_ignoring, ".dockerignore isn't UTF-8"),
    ],
)
async def test_what_an_image_or_the_engine_refuses_makes_that_task_alone_unjudgeable(
    engine: Engine, tmp_path: Path, toml: str, change: Callable[[Path], None] | None, reason: str
) -> None:
    task = make_task(tmp_path, toml=toml)
    if change is not None:
        change(task)

    mode = await find_harbor_mode(engine, task)

    assert mode.how == "broken"
    assert reason in mode.reason


async def test_a_file_name_that_is_not_utf_8_is_judged_as_any_other(engine: Engine, tmp_path: Path) -> None:
    task = make_task(tmp_path)
    for folder in ("environment/seed", "tests", "solution"):
        (task / folder / os.fsdecode(b"caf\xe9.txt")).write_text("menu")

    assert (await find_harbor_mode(engine, task)).how == "apart"


async def test_a_task_whose_solution_fails_apart_is_judged_shared_and_weak(
    engine: Engine, tmp_path: Path
) -> None:
    task = make_task(tmp_path, test=ASKS_A_SERVICE, solve=f"#!/bin/bash\n{SERVES}")

    mode = await find_harbor_mode(engine, task)
    own = await judge_harbor(engine, task, own_answer(task), mode)
    nothing = await judge_harbor(engine, task, "", mode)

    assert (mode.how, own.outcome, own.strength, nothing.outcome) == ("shared", "passed", "weak", "failed")


async def test_an_answer_may_replace_a_program_where_the_solution_does(
    engine: Engine, tmp_path: Path
) -> None:
    task = make_task(tmp_path, test=RUNS_IT, solve=REPLACES)

    mode = await find_harbor_mode(engine, task)
    own = await judge_harbor(engine, task, own_answer(task), mode)

    assert (mode.strength, mode.needs_deciding, own.outcome) == ("apart-system", True, "passed")
    assert [str(change) for change in own.outside] == ["changed /usr/bin/factor (executable)"]


async def test_a_task_whose_solution_fails_judges_nobody(engine: Engine, tmp_path: Path) -> None:
    mode = await find_harbor_mode(engine, make_task(tmp_path, solve="#!/bin/bash\ntrue\n"))

    assert mode.how == "broken"
    assert "its own solution fails" in mode.reason


async def test_an_answer_that_isn_t_the_solution_never_sees_it(engine: Engine, tmp_path: Path) -> None:
    task = make_task(tmp_path)
    mode = await find_harbor_mode(engine, task)

    for answer in ("/solution/solve.sh", "oracle", "bash /tests/../solution/solve.sh", own_answer(task)[:-1]):
        assert (await judge_harbor(engine, task, answer, mode)).outcome == "failed"


async def test_a_task_is_given_no_variable_of_ours_and_only_its_own_defaults(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-user")
    test = 'printf %s "$KEY" | grep -q "^none$" && echo 1 > /logs/verifier/reward.txt'
    with_default = make_task(
        tmp_path / "default",
        test=f"#!/bin/bash\n{test}\n",
        toml='[verifier.env]\nKEY = "${OPENAI_API_KEY:-none}"\n',
    )
    without = make_task(tmp_path / "without", toml='[verifier.env]\nKEY = "${OPENAI_API_KEY}"\n')

    mode = await find_harbor_mode(engine, with_default)
    refused = await find_harbor_mode(engine, without)

    assert mode.how == "apart", mode.reason
    assert refused.how == "broken"
    assert "OPENAI_API_KEY" in refused.reason
    with pytest.raises(UsageError):
        await judge_harbor(engine, without, "", mode)


@pytest.mark.slow
async def test_bench_run_scores_the_oracle_and_doing_nothing_and_audit_finds_the_tasks_sound(
    engine: Engine, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        make_task(tmp_path / "tasks" / name)
    run = functools.partial(Console(tmp_path).run)

    oracle = await asyncio.to_thread(run, "bench", "run", "harbor:tasks", "--agent", "oracle", "--json")
    nop = await asyncio.to_thread(run, "bench", "run", "harbor:tasks", "--agent", "nop", "--json")
    audit = await asyncio.to_thread(run, "bench", "audit", "harbor:tasks", "--json")

    assert oracle.code == nop.code == audit.code == 0, (oracle.err, nop.err, audit.err)
    passed, failed = json.loads(oracle.out), json.loads(nop.out)
    assert (passed["pass_at"]["1"], failed["pass_at"]["1"]) == (1.0, 0.0)
    assert passed["strengths"] == {"apart": 2}
    assert passed["verdicts"][0]["rewards"] == {"reward": 1.0}
    assert json.loads(audit.out)["strengths"] == {"strong": 0, "apart": 2}


async def test_nothing_of_a_judged_task_is_left_on_the_engine(engine: Engine, tmp_path: Path) -> None:
    task = make_task(tmp_path)
    await judge_harbor(engine, task, own_answer(task), await find_harbor_mode(engine, task))

    listed = await list_containers(engine, f"{OWNER}={labels()[OWNER]}")

    assert listed == []
