"""An editable install of the folder that a workspace is a copy of leads to the workspace."""

import os
from pathlib import Path

import pytest

from sandbox import Command, Policy, Result
from sandbox.backends.bubblewrap import Walls, open_bubblewrap
from sandbox.inner.walls.new_root import patch_packages
from tests.environments import make_environment

IMPORT = "import shop, till; print(shop.__file__, till.__file__)"
FINDER = """
import sys
from importlib.util import spec_from_file_location
MAPPING = {{'till': {path!r}}}
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return spec_from_file_location(name, MAPPING[name] + '.py') if name in MAPPING else None
def install():
    sys.meta_path.append(Finder)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with an environment that has two of its modules installed, by a path and by a finder."""
    tmp_path.chmod(0o755)
    project = tmp_path / "shop"
    site = make_environment(project / ".venv")
    (site / "shop.pth").write_text(f"{project}/src\n")
    (site / "__editable__till_finder.py").write_text(FINDER.format(path=f"{project}/lib/till"))
    (site / "till.pth").write_text("import __editable__till_finder as finder; finder.install()\n")
    return project


async def run_isolated(project: Path, walls: Walls, copy_of: Path | None = None) -> Result:
    """Run a Python that takes no path from its environment, as a subprocess of a test may."""
    files = {"src/shop.py": b"", "lib/till.py": b""}
    python = project / ".venv" / "bin" / "python"
    async with open_bubblewrap(Policy(python=python, copy_of=copy_of), walls=walls) as sandbox:
        return await sandbox.run(Command(argv=("python", "-I", "-c", IMPORT)), fresh=True, files=files)


@pytest.mark.parametrize("walls", ["two", "one"])
async def test_an_isolated_python_imports_the_copy(project: Path, walls: Walls) -> None:
    result = await run_isolated(project, walls, copy_of=project)

    assert result.stdout == "/w/src/shop.py /w/lib/till.py\n", result


async def test_without_a_copy_an_editable_install_leads_to_nothing(project: Path) -> None:
    result = await run_isolated(project, "two")

    assert "No module named 'shop'" in result.stderr


def patched(project: Path, line: str) -> str | None:
    """Return the line of a .pth file as programs see it; None if it isn't rewritten."""
    (site,) = project.glob(".venv/lib/python3*/site-packages")
    (site / "shop.pth").write_text(line)
    target = project / "patched"
    moved = {f"{project}/.venv": "/opt/venv", str(project): "/w"}
    names = patch_packages(str(project / ".venv"), str(target), moved)
    written = [name for name in names if name.endswith("/shop.pth")]
    return (target / written[0]).read_bytes().decode() if written else None


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("{}", "/w"),
        ("{}/src\r\n", "/w/src\r\n"),
        ("import sys; sys.path.append('{}/src')", "import sys; sys.path.append('/w/src')"),
        ("{}/.venv/extra\n", "/opt/venv/extra\n"),
        ("{}-old/src", None),
        ("{} old/src", None),
        ("{}.bak", None),
        ("/mnt{}/src", None),
    ],
)
def test_a_path_is_rewritten_if_it_is_in_the_folder(project: Path, line: str, seen: str | None) -> None:
    assert patched(project, line.format(project)) == seen


def test_files_behind_a_link_are_never_shown(project: Path) -> None:
    (site,) = project.glob(".venv/lib/python3*/site-packages")
    secret = project / "keys"
    os.rename(site, secret)
    site.symlink_to(secret)

    assert patched(project, f"{project}/src") is None
