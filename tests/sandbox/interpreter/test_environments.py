"""The environment of a project is found where its tool keeps it."""

import base64
import hashlib
import venv
from pathlib import Path

import pytest

from sandbox import find_interpreter
from sandbox.interpreter.environments import active_environments


def made(root: Path) -> Path:
    venv.create(root, with_pip=False, symlinks=True)
    return root


@pytest.mark.parametrize("name", [".venv", "venv", "env"])
def test_an_environment_in_the_folder_is_found_by_its_customary_names(tmp_path: Path, name: str) -> None:
    assert find_interpreter(None, tmp_path, {}).venv is None

    environment = made(tmp_path / name)

    assert find_interpreter(None, tmp_path, {}).venv == environment


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_active_environment_outside_of_the_folder_is_used(tmp_path: Path, variable: str) -> None:
    environment = made(tmp_path / "elsewhere")

    assert find_interpreter(None, tmp_path / "project", {variable: str(environment)}).venv == environment


def test_the_environment_that_poetry_has_made_for_the_folder_is_found(tmp_path: Path) -> None:
    (project := tmp_path / "shop").mkdir()
    (project / "poetry.lock").touch()
    digest = base64.urlsafe_b64encode(hashlib.sha256(str(project).encode()).digest()).decode()[:8]
    environment = made(tmp_path / f"cache/pypoetry/virtualenvs/shop-{digest}-py3.11")
    made(tmp_path / "cache/pypoetry/virtualenvs/shop-AAAAAAAA-py3.11")

    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}

    assert [*active_environments(project, environ)] == [environment]
    assert [*active_environments(tmp_path, environ)] == []


def test_the_environment_that_pipenv_has_made_for_the_folder_is_found(tmp_path: Path) -> None:
    (project := tmp_path / "shop").mkdir()
    (project / "Pipfile").touch()
    digest = hashlib.sha256(str(project / "Pipfile").encode()).digest()[:6]
    name = f"shop-{base64.urlsafe_b64encode(digest).decode()[:8]}"
    environment = made(tmp_path / "envs" / name)

    assert [*active_environments(project, {"WORKON_HOME": str(tmp_path / "envs")})] == [environment]
