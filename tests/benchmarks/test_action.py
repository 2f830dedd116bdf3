"""action.yml as a runner takes it: its steps, by an ordinary user, on a machine that has nothing of ours."""

import json
from pathlib import Path

import pytest

from tests.action_runner import Runner, check_out, download_wheels

CASE = {
    "id": "add",
    "prompt": "def add(a, b):\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(2, 3) == 5\n",
}


@pytest.fixture
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    wheels = download_wheels(tmp_path_factory.mktemp("wheels"), "report,docker", "pytest")
    return Runner(check_out(tmp_path_factory.mktemp("checkout") / "coder"), wheels, action="")


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
async def test_an_ordinary_user_on_a_clean_machine_grades_answers_and_gates_them(
    tmp_path: Path, runner: Runner
) -> None:
    (tmp_path / "suite.jsonl").write_text(json.dumps(CASE) + "\n")
    right = {"task_id": "add", "completion": "    return a + b\n"}
    (tmp_path / "answers.jsonl").write_text(json.dumps(right) + "\n")

    done = runner.run(
        tmp_path,
        {
            "suite": "suite.jsonl",
            "answers": "answers.jsonl",
            "arguments": "--workers 1\n--exact",
            "min-pass": "1",
        },
    )

    assert done.code == 0, done.said
    expected = {"exit-code": "0", "gate": "passed", "report": "coder-report/report.json", "pass-at-1": "1.0"}
    assert done.outputs == {**expected, "cost": ""}
    assert "Gate passed" in done.summary
