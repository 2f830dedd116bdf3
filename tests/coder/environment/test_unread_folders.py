"""Folders that programs are shown whole are left out if the user's rules deny reading a file in them."""

from pathlib import Path

import pytest

from coder.environment.unread_folders import without_unread, without_unread_python
from coder.run.task import Task
from sandbox import Policy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with Node's modules and a virtual environment, with one file in each that no package has."""
    site = tmp_path / ".venv/lib/python3.11/site-packages"
    for path in (tmp_path / "node_modules/x/index.js", site / "cert/cacert.pem", tmp_path / ".venv/bin/x"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (tmp_path / ".venv/bin/python").symlink_to("/usr/bin/python3")
    (site / "cert-1.dist-info").mkdir()
    (site / "cert-1.dist-info/RECORD").write_text("cert/cacert.pem,sha256=x,1\n")
    return tmp_path


def shown(project: Path, *globs: str) -> tuple[list[str], list[str]]:
    """The names of what programs see, and the notes."""
    notes: list[str] = []
    task = Task(prompt="x", workspace=project, unread=globs)
    policy = Policy(
        folders={"node_modules": project / "node_modules"},
        beside={"lib": project / "node_modules/x"},
        layered=("node_modules",),
        python=project / ".venv/bin/python",
    )
    policy = without_unread(without_unread_python(policy, task, notes.append), task, notes.append)
    names = [*policy.folders, *policy.beside, *(["python"] if policy.python else [])]
    assert policy.layered == tuple(policy.folders)
    return names, notes


def test_folders_without_a_denied_file_are_shown(project: Path) -> None:
    assert shown(project, "secret.txt", "~/keys/**") == (["node_modules", "lib", "python"], [])


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ("node_modules/x/secret.txt", ["python"]),
        ("node_modules/secret.txt", ["lib", "python"]),
        (".venv/secret.txt", ["node_modules", "lib"]),
    ],
)
def test_a_folder_that_holds_a_denied_file_is_not_shown_and_the_file_is_named(
    project: Path, place: str, left: list[str]
) -> None:
    (project / place).touch()

    names, notes = shown(project, "secret.txt")

    assert names == left
    assert notes
    assert all(f"your rules deny reading {project / place}: deny Read(secret.txt)" in note for note in notes)


def test_a_file_that_a_package_lists_as_its_own_leaves_the_environment_usable(project: Path) -> None:
    assert "python" in shown(project, "*.pem")[0]
    assert "python" not in shown(project, ".venv/**")[0]
