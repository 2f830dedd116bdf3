"""action.yml as a runner takes it: its steps, by an ordinary user, on a machine that has nothing of ours."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.docker_engine import IMAGE, require_docker

ROOT = Path(__file__).parents[2]
RUNNER = 1001
CASE = {
    "id": "add",
    "prompt": "def add(a, b):\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(2, 3) == 5\n",
}
UNCONFINED = ("seccomp", "apparmor", "systempaths")
"""What docs/how-to/gate-in-ci.md asks of a container; each is `unconfined`."""


@dataclass(frozen=True)
class Job:
    """What a job with one use of the action came to."""

    code: int
    said: str
    summary: str
    outputs: dict[str, str]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip would fetch: the container has no network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    own = project["project"]
    extras = [name for extra in ("report", "docker") for name in own["optional-dependencies"][extra]]
    names = [*own["dependencies"], *extras, *project["build-system"]["requires"], "pytest"]
    folder = tmp_path_factory.mktemp("wheels")
    download = ("-m", "pip", "download", "-q", "--only-binary", ":all:", "--python-version", "3.11")
    subprocess.run([sys.executable, *download, "--dest", str(folder), *names], check=True)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def action(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a runner has checked it out."""
    folder = tmp_path_factory.mktemp("checkout") / "coder"
    kept = ("sandbox", "coder", "benchmarks", "tools")
    for name in kept:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("action.yml", "pyproject.toml", "README.md", "LICENSE", "Dockerfile.sandbox"):
        shutil.copy(ROOT / name, folder)
    return folder


def steps(inputs: Mapping[str, str]) -> str:
    """A script that does what a runner does with the action's steps: each in a shell of its own."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    given = {name: inputs.get(name, one.get("default", "")) for name, one in action["inputs"].items()}
    lines = ["set -e"]
    for number, step in enumerate(action["runs"]["steps"]):
        assert step["shell"] == "bash"
        told = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
            for name, value in step.get("env", {}).items()
        }
        lines.append(f"cat >/tmp/{number}.sh <<'END_OF_STEP'\n{step['run']}\nEND_OF_STEP")
        words = " ".join(f"{name}=$'{ascii(value)[1:-1]}'" for name, value in told.items())
        lines.append(f"env {words} bash --noprofile --norc -eo pipefail /tmp/{number}.sh")
    return "\n".join(lines)


def job(folder: Path, action: Path, wheels: Path, inputs: Mapping[str, str]) -> Job:
    """Use the action in a folder."""
    for name in ("summary", "outputs"):
        (folder / name).touch()
    os.chown(folder, RUNNER, RUNNER)
    for path in folder.iterdir():
        os.chown(path, RUNNER, RUNNER)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/work",
        "RUNNER_TEMP": "/work/_temp",
        "GITHUB_ACTION_PATH": "/action",
        "GITHUB_STEP_SUMMARY": "/work/summary",
        "GITHUB_OUTPUT": "/work/outputs",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/wheels",
    }
    bwrap = shutil.which("bwrap")
    command = ["docker", "run", "--rm", "--network", "none", "--user", f"{RUNNER}:{RUNNER}"]
    for name in UNCONFINED:
        command += ["--security-opt", f"{name}=unconfined"]
    for name, value in environment.items():
        command += ["--env", f"{name}={value}"]
    shown = (f"{bwrap}:/usr/bin/bwrap:ro", f"{action}:/action:ro", f"{wheels}:/wheels:ro", f"{folder}:/work")
    for mount in shown:
        command += ["--volume", mount]
    command += ["--workdir", "/work", "--entrypoint", "bash", IMAGE, "-c", steps(inputs)]
    ended = subprocess.run(command, capture_output=True, text=True)
    told = (folder / "outputs").read_text().splitlines()
    return Job(
        code=ended.returncode,
        said=ended.stdout + ended.stderr,
        summary=(folder / "summary").read_text(),
        outputs=dict(line.split("=", 1) for line in told),
    )


@pytest.mark.slow
async def test_an_ordinary_user_on_a_clean_machine_grades_answers_and_gates_them(
    tmp_path: Path, action: Path, wheels: Path
) -> None:
    await require_docker()
    (tmp_path / "suite.jsonl").write_text(json.dumps(CASE) + "\n")
    right = {"task_id": "add", "completion": "    return a + b\n"}
    (tmp_path / "answers.jsonl").write_text(json.dumps(right) + "\n")

    done = job(
        *(tmp_path, action, wheels),
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
