"""The project's own packages are imported from the copy, not from the folder that was installed."""

from pathlib import Path

import pytest

from coder.environment.python_path import PythonPath, find_python_path, source_folders
from coder.environment.run_policy import with_sources
from coder.run.settings import Settings
from coder.run.task import Task
from sandbox import Policy
from tests.environments import make_environment


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where the packages of the project's virtual environment are."""
    return make_environment(tmp_path / ".venv")


def found(folder: Path, *files: str, command: str = "", settings: Settings | None = None) -> PythonPath:
    task = Task(prompt="x", workspace=folder, test_command=(*command.split(), "pytest"))
    python = folder / ".venv/bin/python"
    return find_python_path(task, settings or Settings(), files, python=python if python.exists() else None)


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        (["src/pkg/__init__.py", "tests/test_a.py"], ["src"]),
        (["src/a.py", "libs/b/setup.py", "libs/b/src/b.py", "c/pyproject.toml", "c/src/c/d.py"], None),
        (["libs/b/src/b.py"], []),
        (["tests/data/p/pyproject.toml", "tests/data/p/src/requests/__init__.py"], []),
        (["src/a.py", "examples/queue/pyproject.toml", "examples/queue/src/worker/__init__.py"], ["src"]),
        (["src/__init__.py", "src/a.py"], []),
        (["src/main.rs"], []),
        (["main.py", "mysrc/a.py"], []),
        ([], []),
    ],
)
def test_a_src_of_modules_is_a_source_folder_at_the_root_and_beside_a_project_file(
    files: list[str], folders: list[str] | None
) -> None:
    assert source_folders(files) == (["src", "c/src", "libs/b/src"] if folders is None else folders)


def test_where_an_editable_install_leads_to_is_imported_from(tmp_path: Path, site: Path) -> None:
    (site / "_pkg.pth").write_text(f"import evil; evil.run()\n{tmp_path}/lib/python\n/usr/lib\n")
    (site / "__editable___other_1_finder.py").write_text(
        f"MAPPING: dict[str, str] = {{'other': '{tmp_path}/packages/other'}}\n"
    )

    path = found(tmp_path, "lib/python/pkg/a.py", "packages/other/__init__.py", "setup.py")

    assert path == PythonPath(("packages", "lib/python"), is_installed=True)


def test_what_leads_out_of_the_folder_or_to_nothing_is_left_out(tmp_path: Path, site: Path) -> None:
    (site / "a.pth").write_text(f"{tmp_path.parent}\n{tmp_path}/gone\n../..\n\0\n")
    (site / "__editable___b_finder.py").write_text("MAPPING = {'b': open('/etc/passwd')}\n")

    path = found(tmp_path, "main.py")

    assert (path.folders, path.added, path.shown) == ((), (), {})


def test_only_sources_that_neither_an_install_nor_the_user_names_are_added(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ["src/a.py", "b/setup.py", "b/src/b.py", "c/setup.py", "c/src/c.py", "d/setup.py", "d/src/d.py"]
    (site / "a.pth").write_text(f"{tmp_path}/src\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}/b/src")

    path = found(tmp_path, *files, command="PYTHONPATH=c/src")

    assert path == PythonPath(("c/src", "b/src", "src", "d/src"), added=("d/src",), is_installed=True)


def test_what_the_user_has_installed_for_the_tests_alone_counts_as_installed(tmp_path: Path) -> None:
    path = found(tmp_path, "src/a.py", settings=Settings(installed=tmp_path / "entry"))

    assert path == PythonPath(("src",), added=())


def test_a_run_whose_environment_imports_the_folder_tells_the_sandbox_of_which_it_is_a_copy(
    tmp_path: Path, site: Path
) -> None:
    task, policy = Task(prompt="x", workspace=tmp_path), Policy(python=tmp_path / ".venv/bin/python")
    plain = with_sources(policy, task, Settings(), {})

    (site / "a.pth").write_text(f"{tmp_path}/src\n")
    installed = with_sources(policy, task, Settings(), {})

    assert (plain.copy_of, installed.copy_of) == (None, tmp_path)
