"""Installs in a sandbox, from an index of ours behind its proxy, and runs that find what was installed."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.engine.agent import solve
from coder.environment.dependencies import Installed
from coder.models.scripted import Scripted
from coder.people.install.building import fill, install, make_entry, plan_install
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.network.outside_lookup import Outside
from tests.internet import Handler, internet
from tests.memory_log import MemoryLog

WHEEL = "fiver-1.0-py3-none-any.whl"


def wheel() -> bytes:
    """A package of one module."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("fiver.py", "def five():\n    return 5\n")
        archive.writestr("fiver-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: fiver\nVersion: 1.0\n")
        archive.writestr(
            "fiver-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("fiver-1.0.dist-info/RECORD", "")
    return written.getvalue()


class Index(Handler):
    def do_GET(self) -> None:
        if self.path == f"/{WHEEL}":
            self.answer(wheel(), kind="application/octet-stream")
        else:
            self.answer(f'<a href="/{WHEEL}">{WHEEL}</a>'.encode(), kind="text/html")


@pytest.fixture
def outside() -> Iterator[Outside]:
    """An internet in which every name leads to our index."""
    with internet(Index) as way_out:
        yield way_out


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache is; and the index of the user's own configuration."""
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://packages.example/simple")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "packages.example")
    return tmp_path / "home"


@pytest.mark.slow
async def test_a_package_from_an_index_is_there_for_the_tests_and_nowhere_else(
    outside: Outside, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "requirements.txt").write_text("fiver\n")
    (project / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    test = "import unittest\nfrom calc import add\nfrom fiver import five\n\n\nclass T(unittest.TestCase):\n"
    (project / "test_calc.py").write_text(
        f"{test}    def test(self):\n        self.assertEqual(add(2, 3), five())\n"
    )
    before = sorted(path.name for path in project.iterdir())
    files = {path.name: StoredFile(text=path.read_text()) for path in project.iterdir()}
    plan = plan_install(project, files, settings=Settings())

    await install(plan, partial(open_bubblewrap, outside=outside))

    command = ("python3", "-m", "unittest", "-q", "test_calc")
    task = Task(prompt="Mend it.", workspace=project, test_command=command, mends=True)
    settings = Settings(installed=plan.installed.folder, edit_format="whole", budget=Budget(max_calls=1))
    answer = "`calc.py`\n```python\ndef add(a, b):\n    return a + b\n```\n"
    run = await solve(task, model=Scripted([answer]), settings=settings, log=MemoryLog())
    assert (run.status, plan.command) == ("solved", "python -m pip install -r requirements.txt"), run
    assert plan.indexes.hosts[0] == "packages.example"
    assert sorted(path.name for path in project.iterdir()) == before


@pytest.mark.slow
async def test_a_host_that_isnt_named_is_not_reached(outside: Outside, tmp_path: Path) -> None:
    script = "import urllib.request; urllib.request.urlopen('http://elsewhere.example/')"
    plan = plan_install(tmp_path, {}, settings=Settings(), command=f'python3 -c "{script}"')

    with pytest.raises(UsageError, match=r"elsewhere\.example:80 is not among the hosts"):
        await install(plan, partial(open_bubblewrap, outside=outside))

    assert not plan.installed.is_there


async def test_another_manifest_command_or_folder_is_another_entry(tmp_path: Path) -> None:
    def entry(text: str, *, command: str = "make", root: str = "a") -> str:
        files = {"requirements.txt": StoredFile(text=text), "main.c": StoredFile(text="")}
        return plan_install(
            tmp_path / root, files, settings=Settings(), command=command
        ).installed.folder.name

    names = [entry("x"), entry("y"), entry("x", command="just"), entry("x", root="b")]

    assert len(set(names)) == len(names)
    assert entry("x") == names[0]


async def test_another_index_of_the_same_host_is_another_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entry(address: str) -> str:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        return plan_install(tmp_path, {}, settings=Settings(), command="make").installed.folder.name

    assert entry("http://packages.example/one") != entry("http://packages.example/two")


async def test_an_install_that_leaves_nothing_is_no_install(tmp_path: Path) -> None:
    plan = plan_install(tmp_path, {}, settings=Settings(), command="echo nothing to do")
    printed: list[bytes] = []

    with pytest.raises(UsageError, match="installed nothing"):
        await install(plan, open_bubblewrap, on_output=lambda _, data: printed.append(data))

    assert not plan.installed.is_there
    assert b"".join(printed) == b"nothing to do\n"


def test_no_archive_says_which_interpreter_runs_or_has_anything_else_written(tmp_path: Path) -> None:
    plan = plan_install(tmp_path, {}, settings=Settings(), command="true")
    outside, folder = tmp_path / "outside", tmp_path / "entry"
    for directory in (outside, folder):
        directory.mkdir()
    (outside / "file").write_text("the user's")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("env", "env/lib", "env/lib/a", "env/lib/a/b", "env/lib/a/b/c"):
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        links = {"env/lib/a/b/c/up": "../../../../..", "env/pyvenv.cfg": "lib/a/b/c/up/../outside/file"}
        links |= {"env/bin": "lib/a/b/c/up/../outside", "env/bin/python": "../lib/evil"}
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)

    fill(folder, buffer.getvalue(), plan)

    contents = {path.name: path.read_bytes() for path in outside.iterdir()}
    assert contents == {"file": b"the user's"}
    assert not (folder / "env/bin").is_symlink()
    assert (folder / "env/bin/python").readlink() == plan.base.executable
    assert "home = " in (folder / "env/pyvenv.cfg").read_text()


def test_no_archive_without_packages_brings_an_interpreter(tmp_path: Path) -> None:
    plan = plan_install(tmp_path, {}, settings=Settings(), command="true")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("env", "env/bin", "node_modules"):
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        entry = tarfile.TarInfo("env/bin/python")
        entry.type, entry.linkname = tarfile.SYMTYPE, "../../node_modules/python"
        archive.addfile(entry)
    entry_of_ours = Installed(tmp_path / "key")

    make_entry(entry_of_ours, lambda folder: fill(folder, buffer.getvalue(), plan))

    assert (entry_of_ours.python, entry_of_ours.modules) == (None, entry_of_ours.folder / "node_modules")
