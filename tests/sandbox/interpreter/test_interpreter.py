"""Which Python a program gets, and that nothing of the product's own shows."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from sandbox import Command, Policy, PythonCode, find_interpreter, open_sandbox
from sandbox.interpreter.interpreter import describe


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment with a module and a console script of its own."""
    root = tmp_path / "project" / ".venv"
    venv.create(root, with_pip=False, symlinks=True)
    packages = next(root.glob("lib/python3*/site-packages"))
    (packages / "mine.py").write_text("def main():\n    import sys\n    print('mine', sys.prefix)\n")
    script = root / "bin" / "mine"
    script.write_text(f"#!{root}/bin/python\nimport mine\nmine.main()\n")
    script.chmod(0o755)
    return root


async def test_the_packages_and_scripts_of_a_virtual_environment_work(environment: Path) -> None:
    async with open_sandbox(Policy(python=environment / "bin" / "python")) as box:
        code = await box.run(PythonCode(source="import mine; mine.main()"))
        script = await box.run(Command(argv=("mine",)))
        command = await box.run(Command(argv=("python", "-c", "import mine; mine.main()")))

    for result in (code, script, command):
        assert result.stdout == "mine /opt/venv\n", result


async def test_no_path_of_the_host_shows_in_the_mounts(environment: Path) -> None:
    async with open_sandbox(Policy(python=environment / "bin" / "python")) as box:
        result = await box.run(PythonCode(source="print(open('/proc/self/mountinfo').read())"))

    assert "/opt/venv" in result.stdout
    for place in (environment, environment.parent, Path(sys.base_prefix), Path.home()):
        assert place == Path("/usr") or f"{place}/" not in result.stdout.replace(" ", "/ ")


async def test_the_products_own_packages_are_not_there(tmp_path: Path) -> None:
    async with open_sandbox() as box:
        result = await box.run(PythonCode(source="import pydantic_settings, coder"))

    assert result.exit_code == 1
    assert "ModuleNotFoundError" in result.stderr


def test_the_named_interpreter_comes_first(environment: Path) -> None:
    interpreter = find_interpreter(
        Path(sys.executable), environment.parent, {"VIRTUAL_ENV": str(environment)}
    )

    assert interpreter.path == Path(sys.executable)


def test_then_the_one_of_the_workspace_then_the_active_one_then_the_base(environment: Path) -> None:
    active = {"VIRTUAL_ENV": str(environment)}

    assert find_interpreter(None, environment.parent, {}).venv == environment
    assert find_interpreter(None, environment, active).venv == environment
    assert find_interpreter(None, None, {}).venv is None


def test_an_interpreter_that_came_with_the_folder_runs_only_when_it_is_named(tmp_path: Path) -> None:
    library = tmp_path / "theirs" / "lib" / "python3.11"
    library.mkdir(parents=True)
    (library / "os.py").touch()
    theirs = tmp_path / "theirs" / "bin" / "python3.11"
    theirs.parent.mkdir()
    theirs.touch(mode=0o755)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.symlink_to("../../theirs/bin/python3.11")

    with pytest.raises(ValueError, match=r"came with the folder itself\. Name it with --python"):
        find_interpreter(None, tmp_path, {})
    assert find_interpreter(python, tmp_path, {}).executable == theirs


@pytest.mark.parametrize("home", [".", "below/it"])
def test_no_home_is_shown_with_an_interpreter(
    environment: Path, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(environment / home))

    with pytest.raises(ValueError, match="where your home folder is"):
        describe(environment / "bin" / "python")


def test_the_products_own_environment_is_never_taken_for_the_tasks() -> None:
    interpreter = find_interpreter(None, None, {"VIRTUAL_ENV": sys.prefix})

    assert interpreter.venv is None


def test_a_virtual_environment_made_with_copies_is_understood(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--copies", tmp_path / "v"], check=True)

    interpreter = describe(tmp_path / "v" / "bin" / "python")

    assert interpreter.executable.parent.parent == Path(os.path.realpath(sys.base_prefix))


def test_an_environment_cannot_have_any_folder_of_the_host_shown(environment: Path, tmp_path: Path) -> None:
    secrets = tmp_path / "home" / "bin"
    secrets.mkdir(parents=True)
    (secrets / "python3").write_text("#!/bin/sh\n")
    (secrets / "python3").chmod(0o755)
    (environment / "bin" / "python").unlink()
    (environment / "bin" / "python").symlink_to(secrets / "python3")

    with pytest.raises(ValueError, match="no library of its own"):
        describe(environment / "bin" / "python")


@pytest.mark.parametrize("place", ["missing/bin/python", "folder"])
def test_what_is_no_interpreter_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(ValueError, match="no Python at"):
        describe(tmp_path / place)


def test_a_python_that_is_too_old_is_refused(tmp_path: Path) -> None:
    for path in ("bin/python3.6", "lib/python3.6/os.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch(mode=0o755)

    with pytest.raises(ValueError, match=r"is Python 3\.6.*need 3\.8"):
        describe(tmp_path / "bin" / "python3.6")
