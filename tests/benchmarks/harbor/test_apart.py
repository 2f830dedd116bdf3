"""Tests of a Harbor task run apart from the agent's container: attacks fail, honest answers pass."""

from pathlib import Path

import pytest

from benchmarks.harbor.apart import judge_apart
from benchmarks.harbor.changes import no_changes, read_changes
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.verifier import Judged, judge_shared
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import ASKS_A_SERVICE, SERVES, make_task, recipe_of, verifier_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
ASKS_A_COMMAND = """\
#!/bin/bash
if answer; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""
PYTEST = """\
#!/bin/bash
python3 -m pytest -q -p no:cacheprovider /tests/test_answer.py && echo 1 > /logs/verifier/reward.txt \
|| echo 0 > /logs/verifier/reward.txt
"""


async def apart(engine: Engine, image: str, task: Path, script: str, **more: bool) -> Judged:
    """Judge what a script did in a container of the task."""
    async with open_container(engine, recipe_of(image)) as used:
        ended = await used.run(["bash", "-c", script], timeout_s=60, user="0")
        assert ended.exit_code == 0
        await used.stop()
        async with read_changes(used) as changes:
            return await judge_apart(engine, recipe_of(image), verifier_of(task), changes, **more)


async def shared(engine: Engine, image: str, task: Path, script: str) -> Judged:
    """Judge it in the container itself, as Harbor does by default."""
    async with open_container(engine, recipe_of(image)) as used:
        ended = await used.run(["bash", "-c", script], timeout_s=60, user="0")
        assert ended.exit_code == 0
        return await judge_shared(used, verifier_of(task))


async def test_files_of_the_work_folder_are_enough_for_apart_work(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    judged = await apart(engine, image, make_task(tmp_path), "echo 42 > answer.txt; touch /usr/bin/noise")

    assert (judged.outcome, judged.strength, judged.outside) == ("passed", "apart-work", ())


async def test_doing_nothing_fails(engine: Engine, image: str, tmp_path: Path) -> None:
    verifier = verifier_of(make_task(tmp_path))

    with no_changes() as nothing:
        judged = await judge_apart(engine, recipe_of(image), verifier, nothing)

    assert (judged.outcome, judged.strength, str(judged.reward)) == ("failed", "apart-work", "reward 0")


async def test_an_installed_program_passes_as_apart_system_and_is_listed(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    install = "printf '#!/bin/sh\\nexit 0\\n' > /usr/local/bin/answer; chmod +x /usr/local/bin/answer"

    judged = await apart(engine, image, make_task(tmp_path, test=ASKS_A_COMMAND), install)

    assert (judged.outcome, judged.strength) == ("passed", "apart-system")
    assert [str(change) for change in judged.outside] == ["added /usr/local/bin/answer"]


async def test_a_verifier_without_a_reward_is_an_error_and_not_a_failure(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    judged = await apart(engine, image, make_task(tmp_path, test="#!/bin/bash\nexit 0\n"), "true")

    assert (judged.outcome, judged.reward) == ("error", None)


async def test_numbers_of_reward_json_come_before_reward_txt(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    test = """#!/bin/bash
echo '{"speed": 0.5, "reward": 1}' > /logs/verifier/reward.json
echo 0 > /logs/verifier/reward.txt
"""
    judged = await apart(engine, image, make_task(tmp_path, test=test), "true")

    assert judged.reward is not None
    assert judged.reward.numbers == {"speed": 0.5, "reward": 1.0}
    assert judged.outcome == "passed"


async def test_a_reward_that_is_another_name_of_a_file_is_read(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    test = """#!/bin/bash
echo '{"reward": 1}' > /logs/verifier/details.json
ln /logs/verifier/details.json /logs/verifier/reward.json
"""
    judged = await apart(engine, image, make_task(tmp_path, test=test), "true")

    assert str(judged.reward) == "reward 1"


async def test_a_verifier_that_takes_too_long_is_a_timeout(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    verifier = verifier_of(make_task(tmp_path, test="#!/bin/bash\nsleep 60\n"), timeout_s=1)

    with no_changes() as nothing:
        judged = await judge_apart(engine, recipe_of(image), verifier, nothing)

    assert judged.outcome == "timeout"


REWARD, WAIT = "/logs/verifier/reward.txt", "do sleep 0.02; done"
UNTIL_ATTACKED = "[ ! -e /dev/shm/begun ] || until"
"""Begins a wait for a process of the attack, where there is one: in the container that it began in."""
ATTACKS = {
    "reward file written by the agent, which the tests then can't replace": (
        "#!/bin/bash\n[ -e /app/answer.txt ] || exit 1\necho 1 > /logs/verifier/reward.txt\n",
        "mkdir -p /logs/verifier; echo '{\"reward\": 1}' > /logs/verifier/reward.json",
    ),
    "hook in the folder of the tests": (
        PYTEST,
        "mkdir -p /tests; echo 'def pytest_pyfunc_call(pyfuncitem): return True' > /tests/conftest.py",
    ),
    "background writer": (
        f"#!/bin/bash\n[ -e /app/answer.txt ] || echo 0 > {REWARD}\n"
        f"{UNTIL_ATTACKED} grep -q 1 {REWARD}; {WAIT}\n",
        "touch /dev/shm/begun; (while :; do mkdir -p /logs/verifier; echo 1 > /tmp/new; "
        f"mv /tmp/new {REWARD}; sleep 0.02; done) &",
    ),
    "background editor of the test file": (
        f"#!/bin/bash\n{UNTIL_ATTACKED} grep -q 1 /tests/decide.sh; {WAIT}\nbash /tests/decide.sh\n",
        f"touch /dev/shm/begun; (while :; do echo 'echo 1 > {REWARD}' > /tmp/new; "
        "mv /tmp/new /tests/decide.sh; sleep 0.02; done) &",
    ),
    "time-bomb": (
        f"#!/bin/bash\necho 0 > {REWARD}\n{UNTIL_ATTACKED} grep -q 1 {REWARD}; {WAIT}\n",
        "touch /dev/shm/begun; (sleep 1; while :; do echo 1 > /tmp/new; "
        f"mv /tmp/new {REWARD}; sleep 0.1; done) 2>/dev/null &",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("test", "attack"), ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_on_a_shared_grader_passes_there_and_not_apart(
    engine: Engine, image: str, tmp_path: Path, test: str, attack: str
) -> None:
    task = make_task(tmp_path, test=test)
    (task / "tests/test_answer.py").write_text("def test_answer(): assert open('/app/answer.txt').read()\n")
    (task / "tests/decide.sh").write_text("echo 0 > /logs/verifier/reward.txt\n")

    assert (await shared(engine, image, task, attack)).outcome == "passed"
    assert (await apart(engine, image, task, attack)).outcome in ("failed", "error")


GREP = """\
#!/bin/bash
if grep -q 42 /app/answer.txt; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""
WRAPPED = {
    "replaced program": (
        GREP,
        "cp /bin/true /bin/grep",
        "changed /usr/bin/grep (executable)",
    ),
    "program earlier on PATH": (
        GREP,
        "cp /bin/true /usr/local/bin/grep",
        "added /usr/local/bin/grep (executable)",
    ),
    "start of the interpreter": (
        PYTEST,
        """echo "import os; 'pytest' in open('/proc/self/cmdline').read() and os._exit(0)" > """
        """$(python3 -c 'import site; print(site.getsitepackages()[0])')/start.pth""",
        "startup",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("test", "attack", "named"), WRAPPED.values(), ids=WRAPPED)
async def test_a_changed_program_of_the_verifier_is_suspicious_apart_and_named(
    engine: Engine, image: str, tmp_path: Path, test: str, attack: str, named: str
) -> None:
    task = make_task(tmp_path, test=test)
    (task / "tests/test_answer.py").write_text("def test_answer(): assert open('/app/answer.txt').read()\n")

    judged = await apart(engine, image, task, attack)
    usual = await apart(engine, image, task, attack, oracle_needs_deciding=True)

    assert (await shared(engine, image, task, attack)).outcome == "passed"
    assert (judged.outcome, judged.strength) == ("suspicious", "apart-system")
    assert any(named in str(change) for change in judged.outside)
    assert usual.outcome == "passed"


async def test_a_service_that_must_live_fails_apart_and_passes_shared_as_weak(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    task = make_task(tmp_path, test=ASKS_A_SERVICE)

    assert (await apart(engine, image, task, SERVES)).outcome == "failed"
    judged = await shared(engine, image, task, SERVES)
    assert (judged.outcome, judged.strength) == ("passed", "weak")
