"""Our actions as a runner takes them: their steps, by an ordinary user, on a clean machine."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.docker_engine import IMAGE

ROOT = Path(__file__).parents[1]
RUNNER = 1001
UNCONFINED = ("seccomp", "apparmor", "systempaths")
"""What docs/how-to/gate-in-ci.md asks of a container; each is `unconfined`."""


@dataclass(frozen=True)
class Job:
    """What a job with one use of an action came to."""

    code: int
    said: str
    summary: str
    outputs: dict[str, str]


@dataclass(frozen=True)
class Runner:
    """A runner: a container with our repository checked out, and the packages that pip would fetch."""

    checkout: Path
    wheels: Path
    action: str
    """Folder of the action, relative to the checkout."""
    network: str = "none"
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()

    def run(self, folder: Path, inputs: Mapping[str, str]) -> Job:
        """Use the action in a folder, which its user owns then."""
        for name in ("summary", "outputs"):
            (folder / name).touch()
        own(folder)
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/work",
            "RUNNER_TEMP": "/work/_temp",
            "GITHUB_ACTION_PATH": f"/action/{self.action}".rstrip("/"),
            "GITHUB_STEP_SUMMARY": "/work/summary",
            "GITHUB_OUTPUT": "/work/outputs",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "/wheels",
            **self.environment,
        }
        bwrap = shutil.which("bwrap")
        command = ["docker", "run", "--rm", "--network", self.network, "--user", f"{RUNNER}:{RUNNER}"]
        for name in UNCONFINED:
            command += ["--security-opt", f"{name}=unconfined"]
        for name, value in environment.items():
            command += ["--env", f"{name}={value}"]
        own_mounts = (
            f"{bwrap}:/usr/bin/bwrap:ro",
            f"{self.checkout}:/action:ro",
            f"{self.wheels}:/wheels:ro",
        )
        for mount in (*own_mounts, f"{folder}:/work", *self.mounts):
            command += ["--volume", mount]
        script = steps(self.checkout / self.action / "action.yml", inputs)
        command += ["--workdir", "/work", "--entrypoint", "bash", IMAGE, "-c", script]
        ended = subprocess.run(command, capture_output=True, text=True)
        output_lines = (folder / "outputs").read_text().splitlines()
        return Job(
            code=ended.returncode,
            said=ended.stdout + ended.stderr,
            summary=(folder / "summary").read_text(),
            outputs=dict(line.split("=", 1) for line in output_lines),
        )


def own(folder: Path) -> None:
    """Give a folder and all below to the runner's user."""
    os.chown(folder, RUNNER, RUNNER)
    for path in folder.rglob("*"):
        os.chown(path, RUNNER, RUNNER)


def download_wheels(folder: Path, extras: str, *packages: str) -> Path:
    """Download what pip would fetch: the container has no index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    own = project["project"]
    of_extras = [name for extra in extras.split(",") for name in own["optional-dependencies"][extra]]
    names = [*own["dependencies"], *of_extras, *project["build-system"]["requires"], *packages]
    download = ("-m", "pip", "download", "-q", "--only-binary", ":all:", "--python-version", "3.11")
    subprocess.run([sys.executable, *download, "--dest", str(folder), *names], check=True)
    folder.chmod(0o755)
    return folder


def check_out(folder: Path) -> Path:
    """Copy the repository as a runner has checked it out."""
    for name in ("sandbox", "coder", "benchmarks", "tools", "actions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("action.yml", "pyproject.toml", "README.md", "LICENSE", "Dockerfile.sandbox"):
        shutil.copy(ROOT / name, folder)
    return folder


def steps(file: Path, inputs: Mapping[str, str]) -> str:
    """A script that does what a runner does with an action's steps: each in a shell of its own."""
    action = yaml.safe_load(file.read_text())
    input_values = {name: inputs.get(name, one.get("default", "")) for name, one in action["inputs"].items()}
    lines = ["set -e"]
    for number, step in enumerate(action["runs"]["steps"]):
        assert step["shell"] == "bash"
        variables = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: input_values[found[1]], value)
            for name, value in step.get("env", {}).items()
        }
        lines.append(f"cat >/tmp/{number}.sh <<'END_OF_STEP'\n{step['run']}\nEND_OF_STEP")
        words = " ".join(f"{name}=$'{ascii(value)[1:-1]}'" for name, value in variables.items())
        lines.append(f"env {words} bash --noprofile --norc -eo pipefail /tmp/{number}.sh")
    return "\n".join(lines)
