"""What a virtual environment puts on the path is there, and code that it brings runs in the run alone."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from sandbox import Policy, PythonCode, open_sandbox

STATUS = "dict(line.split(':', 1) for line in open('/proc/self/status'))"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The site-packages of a new virtual environment, whose `python` is `../../../bin/python`."""
    venv.create(tmp_path / "v", with_pip=False, symlinks=True)
    return next((tmp_path / "v").glob("lib/python3*/site-packages"))


async def run(packages: Path, source: str) -> str:
    """What the second of two runs prints."""
    python = packages.parents[2] / "bin" / "python"
    async with open_sandbox(Policy(python=python)) as box:
        await box.run(PythonCode(source=source))
        result = await box.run(PythonCode(source=source))
    assert result.ok, result
    return result.stdout


@pytest.mark.parametrize("name", ["code.pth", "sitecustomize.py"])
async def test_the_environments_code_runs_behind_all_walls_of_a_run(packages: Path, name: str) -> None:
    (packages / name).write_text(f"import sys; sys.looked = [*getattr(sys, 'looked', []), {STATUS}]\n")

    expression = "{(s['Seccomp'], s['CapEff'], s['NoNewPrivs'], s['Pid']) for s in sys.looked}"
    printed = await run(packages, f"import sys\nfor line in {expression}: print(*map(str.strip, line))")

    assert printed == "2 0000000000000000 1 2\n"


async def test_lines_that_name_a_folder_are_followed(packages: Path) -> None:
    (packages / "inner").mkdir()
    (packages / "inner" / "found_there.py").write_text("value = 7\n")
    (packages / "paths.pth").write_text("# a comment\n\ninner\nmissing\n")

    printed = await run(packages, "import found_there; print(found_there.value)")

    assert printed == "7\n"


async def test_a_line_of_code_finds_its_folder_as_setuptools_expects(packages: Path) -> None:
    (packages / "names.pth").write_text("import sys; sys.beside = sys._getframe(1).f_locals['sitedir']\n")

    printed = await run(packages, "import sys; print(sys.beside)")

    assert printed.endswith("/site-packages\n")
    assert printed.startswith("/opt/venv/")


async def test_a_line_that_fails_keeps_nothing_else_from_running(packages: Path) -> None:
    (packages / "a.pth").write_text("import no_such_module\n")
    (packages / "b.pth").write_text("import sys; sys.reached = True\n")

    printed = await run(packages, "import sys; print(sys.reached)")

    assert printed == "True\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "patience_s", "expected"),
    [
        ("pass", 60, "True"),
        ("print('a greeting')", 60, "False"),
        ("no_such_name", 60, "False"),
        ("import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()", 60, "False"),
        ("import os; os._exit(0)", 60, "False"),
        ("import time; time.sleep(600)", 1, "False"),
    ],
)
def test_only_what_leaves_nothing_behind_is_done_once_for_all_runs(
    work: str, patience_s: float, expected: str
) -> None:
    script = f"from sandbox.inner.walls.sites import has_no_effects\ndef work(): {work}\n"

    done = subprocess.run(
        [sys.executable, "-c", f"{script}print(has_no_effects(work, patience_s={patience_s}))"],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.stdout == f"{expected}\n", done.stderr


async def test_beside_a_virtual_environment_the_server_runs_nothing_that_could_import_from_it(
    tmp_path: Path,
) -> None:
    venv.create(tmp_path / "v", with_pip=False, symlinks=True, system_site_packages=True)
    packages = next((tmp_path / "v").glob("lib/python3*/site-packages"))
    found_by_base = ("_distutils_hack", "certifi", "apport_python_hook", "sitecustomize")
    for name in found_by_base:
        (packages / f"{name}.py").write_text(
            f"import sys; sys.looked = [*getattr(sys, 'looked', []), {STATUS}]\n"
        )

    printed = await run(packages, "import sys; print({s['Seccomp'].strip() for s in sys.looked})")

    assert printed == "{'2'}\n"
