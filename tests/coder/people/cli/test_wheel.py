"""The wheel works without a clone, installed by pip, pipx and uv as a user who isn't root."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ordinary_user import REPOSITORY
from tests.system_python import SYSTEM_PYTHON
from tests.wheel_user import User

pytestmark = [pytest.mark.foreign, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def user() -> Iterator[User]:
    with tempfile.TemporaryDirectory(prefix="coder-user-", ignore_cleanup_errors=True) as home:
        yield User(Path(home), REPOSITORY)


def test_pip_installs_the_command_by_both_its_names(user: User) -> None:
    programs = user.venv_with(user.wheel)

    assert user.runs(programs / "coder", "--version") == user.runs(programs / "coder-agent", "--version")


def test_pipx_installs_the_command_and_setup_the_rest(user: User) -> None:
    pipx = user.venv_with("pipx") / "pipx"
    user.runs(pipx, "install", "--python", SYSTEM_PYTHON, user.wheel)

    before = user.runs("coder", "doctor", code=5)
    user.runs("coder", "setup", "--yes")

    assert "coder solve can't work yet" in before
    assert "Install it: coder setup" in before
    assert "Nothing is missing." in user.runs("coder", "setup")
    assert "✓ coder solve can work: local/" in user.runs("coder", "doctor")


def test_uvx_runs_it_without_an_installation(user: User) -> None:
    uvx = user.venv_with("uv") / "uvx"
    command = (uvx, "-q", "--python", SYSTEM_PYTHON, "--from", user.wheel, "coder", "run", "--")

    assert user.runs(*command, "python3", "-c", "print(6 * 7)").splitlines()[-1] == "42"
