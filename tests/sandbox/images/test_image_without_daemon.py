"""Programs in bubblewrap see the system of an image's archive: its Python, packages and commands."""

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from sandbox import Command, Policy, PolicyUnmet, PythonCode, open_sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.disk_turn import writing_much
from tests.docker_images import SMALL, require_small_image

pytestmark = pytest.mark.slow

TEST = b"import only_in_image\n\n\ndef test_one():\n    assert only_in_image.MADE\n"
SCRIPT = """
awk 'BEGIN { print 1 + 1 }'
python3 -m pytest -q
grep -c coder/images /proc/self/mountinfo
touch /usr/x
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, docker_engine: None) -> Iterator[Path]:
    require_small_image()
    folder = tmp_path_factory.mktemp("image")
    with writing_much(), pytest.MonkeyPatch.context() as patch:
        subprocess.run(["docker", "save", "-o", str(folder / "image.tar"), SMALL], check=True)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder / "image.tar"
        shutil.rmtree(folder)


@pytest.mark.parametrize("walls", ["two", "one"])
async def test_programs_use_the_images_python_packages_and_commands(
    archive: Path, walls: Literal["two", "one"]
) -> None:
    async with open_bubblewrap(Policy(image=str(archive), wall_s=60), walls=walls) as sandbox:
        await sandbox.lay({"test_one.py": TEST})
        result = await sandbox.run(Command(argv=("sh", "-c", SCRIPT)))
        source = "import only_in_image, sys; print(sys.base_prefix, sys.version_info[:2])"
        python = await sandbox.run(PythonCode(source=source))
        async with sandbox.session() as session:
            in_session = await session.sh("python3 -c 'import only_in_image; print(only_in_image.MADE)'")

    lines = result.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("2", "0"), "no path of this machine shows"
    assert "1 passed" in result.stdout
    assert "Read-only file system" in result.stderr
    assert python.stdout == "/usr (3, 11)\n"
    assert in_session.output.strip() == "True"
    assert sandbox.image is not None


async def test_an_archive_is_for_bubblewrap_alone() -> None:
    with pytest.raises(PolicyUnmet, match="can't unpack an image's archive"):
        async with open_sandbox(Policy(image="image.tar"), backend="docker"):
            pass


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["etc/"], "has no /usr"),
        (["usr/", "lib/"], "is a folder of its own"),
        (["usr/bin/"], "has no python3"),
    ],
)
async def test_an_image_that_can_not_be_shown_is_refused_with_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], reason: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with tarfile.open(tmp_path / "image.tar", "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)

    with pytest.raises(PolicyUnmet, match=reason):
        async with open_sandbox(Policy(image=str(tmp_path / "image.tar"))):
            pass


async def test_a_python_that_is_a_link_to_this_machine_is_not_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    targets = {"usr/bin/python3": "python3.11", "usr/bin/python3.11": str(shutil.which("python3"))}
    with tarfile.open(tmp_path / "image.tar", "w") as tar:
        for name, target in targets.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)

    with pytest.raises(PolicyUnmet, match="has no python3"):
        async with open_sandbox(Policy(image=str(tmp_path / "image.tar"))):
            pass
