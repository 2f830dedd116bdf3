"""Projects outside of the folder that its environment imports: shown read-only, or the run is refused."""

from pathlib import Path

import pytest

from coder.environment.python_path import PythonPath, find_python_path
from coder.models.scripted import Scripted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.environments import make_environment
from tests.git_repository import make_repository
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

PROJECT = "[project]\nname = 'lib'\nversion = '1'\n"
TEST = """import unittest
from lib import two

class Test(unittest.TestCase):
    def test_two(self):
        self.assertEqual(two(), 2)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose tests import a library outside of it."""
    tmp_path.chmod(0o755)
    make_repository(tmp_path / "project", test_lib__py=TEST)
    return tmp_path / "project"


def library(tmp_path: Path, *, layout: str = "src") -> Path:
    """Make the library, and return the folder to be named by a .pth."""
    folder = tmp_path / "lib" / "src" if layout == "src" else tmp_path / "lib"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "__init__.py").write_text("def two():\n    return 2\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "__init__.py").touch()
    (tmp_path / "lib" / "pyproject.toml").write_text(PROJECT)
    return folder


def install(environment: Path, *folders: Path | str) -> None:
    (make_environment(environment) / "lib.pth").write_text("\n".join(map(str, folders)))


def found(project: Path, *files: str, settings: Settings | None = None) -> PythonPath:
    task = Task(prompt="x", workspace=project, test_command=("pytest",))
    python = project / ".venv/bin/python"
    return find_python_path(task, settings or Settings(), ("test_lib.py", *files), python=python)


def test_a_folder_of_sources_is_shown_whole_and_of_a_projects_root_its_packages_alone(
    tmp_path: Path, project: Path
) -> None:
    sources, root = library(tmp_path / "one"), library(tmp_path / "two", layout="flat")
    (root / ".env").write_text("KEY=1\n")
    install(project / ".venv", sources, root)

    path = found(project)

    assert path.shown == {"lib-src": sources, "lib": root / "lib"}
    assert path.folders == ("/opt/shown/lib-src", "/opt/shown")


@pytest.mark.parametrize("named", ["home", "/", "/etc", "no project", "keys", "link", "\0", "gone"])
def test_what_an_environment_names_is_shown_only_if_it_is_a_project_without_keys(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    sources = library(home)
    (home / "pyproject.toml").write_text(PROJECT)
    (home / "code" / "src").mkdir(parents=True)
    if named == "keys":
        (sources / "lib" / "id_rsa").write_text("key")
    if named == "link":
        (home / "lib" / "secrets").symlink_to(home)
    folders = {
        "home": home, "no project": home / "code", "keys": sources, "link": home / "lib" / "secrets",
    }  # fmt: skip
    install(project / ".venv", folders.get(named, named))

    path = found(project)

    assert (path.shown, path.folders) == ({}, ())


@pytest.mark.parametrize("how", ["tracked", "without git"])
def test_an_environment_that_may_have_come_with_the_folder_shows_nothing(
    tmp_path: Path, project: Path, how: str
) -> None:
    sources = library(tmp_path)
    if how == "without git":
        project = tmp_path / "unpacked"
        project.mkdir()
    install(project / ".venv", sources)

    path = found(project, *([".venv/lib/x.pth"] if how == "tracked" else []))

    assert (path.shown, path.folders, path.outside) == ({}, (), (sources,))


def test_a_folder_of_add_dir_is_imported_from_where_it_is_shown(tmp_path: Path, project: Path) -> None:
    sources = library(tmp_path)
    install(project / ".venv", sources)

    path = found(project, ".venv/lib/x.pth", settings=Settings(add_dir=(tmp_path / "lib",)))

    assert (path.shown, path.folders) == ({}, ("/opt/shown/lib/src",))


def test_what_the_users_own_pythonpath_names_is_shown(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(library(tmp_path)))
    task = Task(prompt="x", workspace=project, test_command=("pytest",))

    path = find_python_path(task, Settings(), ("test_lib.py",), python=None)

    assert path.folders == ("/opt/shown/lib-src",)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["src", "flat"])
async def test_tests_import_a_project_that_the_users_environment_has_installed_for_editing(
    tmp_path: Path, project: Path, layout: str
) -> None:
    install(project / ".venv", library(tmp_path, layout=layout))
    (project / ".gitignore").write_text(".venv\n")
    task = Task(prompt="Fix it.", workspace=project, test_command=("python", "-m", "unittest"), mends=True)

    run = await solve(task, model=Scripted([]), log=MemoryLog())

    assert (run.status, run.reason) == ("solved", "the command passes already: there is nothing to fix")


@pytest.mark.slow
@pytest.mark.parametrize("has_passing", [False, True])
async def test_tests_that_import_what_is_not_shown_are_no_task_for_a_model(
    tmp_path: Path, project: Path, has_passing: bool
) -> None:
    sources = library(tmp_path)
    (sources / "lib" / "id_rsa").write_text("key")
    install(project / ".venv", sources)
    (project / ".gitignore").write_text(".venv\n")
    if has_passing:
        (project / "test_other.py").write_text(TEST.replace("from lib import two", "two = lambda: 2"))
    task = Task(prompt="Fix it.", workspace=project, test_command=("python", "-m", "unittest"), mends=True)

    run = await solve(task, model=Scripted([]), log=MemoryLog())

    assert (run.status, run.exit_code, run.calls) == ("error", 2, 0)
    assert f"The tests import lib from {sources}, which the sandbox doesn't show" in (run.error or "")
    assert f"--add-dir {sources}" in (run.error or "")
