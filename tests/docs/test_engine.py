"""What `./run test` does about the Docker engine: says what is missing, starts what it can, builds once."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.docs.bare_path import bare_path, put

ROOT = Path(__file__).parents[2]
NEEDED = ("sh", "readlink", "dirname", "sleep", "setsid", "touch", "test", "cat", "rm", "tr", "tail")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return bare_path(tmp_path, NEEDED)


def prepare(tools: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", str(ROOT / "tools" / "engine.sh")],
        env={
            "PATH": str(tools),
            "CODER_ENGINE_LOG": str(tools / "log"),
            "CODER_ENGINE_PID_FILE": str(tools / "docker.pid"),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_docker_it_is_said_and_the_other_tests_go_on(tools: Path) -> None:
    done = prepare(tools)

    assert (done.returncode, done.stderr) == (0, "run: no tests with Docker: it isn't installed\n")


def test_an_ordinary_user_is_told_that_only_root_starts_an_engine(tools: Path) -> None:
    put(tools, "docker", "exit 1")
    put(tools, "id", "echo 1000")

    done = prepare(tools)

    assert done.returncode == 0
    assert "only root can start one" in done.stderr


def test_where_engine_and_image_are_there_nothing_is_said(tools: Path) -> None:
    put(tools, "docker", "exit 0")

    done = prepare(tools)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="systemd starts the engine here")
def test_an_engine_is_started_that_nobody_waits_for(tools: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    put(tools, "docker", f'test -s "{started}"')
    put(tools, "dockerd", f'echo $$ > "{started}"; exec sleep 300')
    put(tools, "id", "echo 0")
    killed = subprocess.Popen(["true"])
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # ended, and its number is still taken
    (tools / "docker.pid").write_text(str(killed.pid))

    done = prepare(tools)  # waits until its output is closed, too

    killed.wait()
    os.kill(int(started.read_text()), signal.SIGKILL)
    assert done.returncode == 0
    assert "starting dockerd" in done.stderr
    assert not (tools / "docker.pid").exists()


@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="systemd starts the engine here")
def test_an_engine_that_ends_at_once_is_told_of_by_its_last_words(tools: Path) -> None:
    put(tools, "docker", "exit 1")
    put(tools, "dockerd", "echo no room; exit 1")
    put(tools, "id", "echo 0")

    done = prepare(tools)

    assert done.returncode == 0
    assert done.stderr.endswith("no tests with Docker: the engine ended: no room\n")
