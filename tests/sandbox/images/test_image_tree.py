"""A folder of an image is read whole, within limits, and nothing stays on the engine."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import BackendMissing, FileRefused, SandboxBroken
from sandbox.docker.engine import connect
from sandbox.docker.labels import OWNER, list_containers
from sandbox.images.image_tree import read_tree
from sandbox.supervisor.owner import this_process
from tests.docker_engine import IMAGE, Line, line, remove_containers, wait_until_none_of
from tests.ordinary_user import REPOSITORY

pytestmark = pytest.mark.usefixtures("docker_engine")


async def test_files_come_with_their_x_bit_and_links_are_named() -> None:
    tree = await asyncio.to_thread(read_tree, IMAGE, "/opt/sandbox/bin")

    assert b"VIRTUAL_ENV" in tree.files["activate"]
    assert "pytest" in tree.executable
    assert "activate" not in tree.executable
    assert "python" in tree.left_out


@pytest.mark.parametrize("bounds", [{"max_files": 3}, {"max_bytes": 1 << 10}])
async def test_a_folder_that_holds_more_is_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(FileRefused, match="more than"):
        await asyncio.to_thread(lambda: read_tree(IMAGE, "/opt/sandbox/bin", **bounds))

    assert await own_containers() == []


async def test_what_is_not_there_is_said_and_no_container_stays() -> None:
    with pytest.raises(FileRefused, match="no /nowhere of the image"):
        await asyncio.to_thread(read_tree, IMAGE, "/nowhere")
    with pytest.raises(BackendMissing, match="docker pull nowhere:1"):
        await asyncio.to_thread(read_tree, "nowhere:1", "/testbed")
    assert await own_containers() == []


async def test_an_archive_that_the_engine_cuts_off_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = CutsArchives(tmp_path / "docker.sock")
    await engine.open()
    try:
        with monkeypatch.context() as here:
            here.setenv("DOCKER_HOST", engine.host)
            with pytest.raises(SandboxBroken, match="can't read /opt/sandbox/lib"):
                await asyncio.to_thread(read_tree, IMAGE, "/opt/sandbox/lib")
    finally:
        await engine.cut()

    assert await own_containers() == []


_READER = """
import sys
from sandbox.images.image_tree import read_tree
from sandbox.supervisor.owner import this_process
print(this_process().mark, flush=True)
read_tree(sys.argv[1], "/opt/sandbox/bin")
"""


async def test_no_container_stays_where_its_reader_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line(tmp_path, monkeypatch) as engine:
        engine.swallow(b"/archive?")
        command = (sys.executable, "-c", _READER, IMAGE)
        reader = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=subprocess.PIPE)
        mark = (await reader.stdout.readline()).decode().strip()  # type: ignore[union-attr]
        await engine.swallowed.wait()
        reader.kill()
        await reader.wait()

        leftovers = await wait_until_none_of(mark, seconds=30)

    await remove_containers(leftovers)
    assert leftovers == []


class CutsArchives(Line):
    """A line that closes a connection after the first piece of an archive."""

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(1 << 16):
                target.write(piece)
                await target.drain()
                if b"application/x-tar" in piece:
                    break
            target.close()


async def own_containers() -> list[str]:
    """Names of containers that this process has made to read a tree."""
    engine = await connect()
    try:
        containers = await list_containers(engine, f"{OWNER}={this_process().mark}")
        return [name for item in containers for name in item["Names"] if name.startswith("/coder-tree-")]
    finally:
        engine.close()
