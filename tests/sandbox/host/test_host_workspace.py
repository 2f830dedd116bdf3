"""The manifest of a workspace: known of files that were laid, read once anything may have changed them."""

import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest_asyncio

from sandbox.files.workspace import Workspace
from sandbox.host.host_workspace import HostWorkspace

FILES = {"b": b"2", "a/c": b"1"}
HASHES = {"a/c": sha256(b"1").hexdigest(), "b": sha256(b"2").hexdigest()}


@pytest_asyncio.fixture
async def laid(tmp_path: Path) -> AsyncIterator[HostWorkspace]:
    workspace = HostWorkspace(Workspace(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY), os.geteuid()))
    await workspace.lay(FILES)
    yield workspace
    workspace.close()


async def test_files_that_were_laid_are_not_read_again(tmp_path: Path, laid: HostWorkspace) -> None:
    (tmp_path / "b").write_bytes(b"changed from outside, which nobody may")

    assert [*(await laid.manifest()).items()] == [*HASHES.items()]


async def test_files_are_read_once_a_program_may_have_changed_them(
    tmp_path: Path, laid: HostWorkspace
) -> None:
    laid.be_used()
    (tmp_path / "b").write_bytes(b"3")

    assert await laid.manifest() == {**HASHES, "b": sha256(b"3").hexdigest()}


async def test_files_are_read_after_one_was_written_or_removed(laid: HostWorkspace) -> None:
    await laid.write("b", b"3")
    written = await laid.manifest()
    await laid.remove("b")

    assert written == {**HASHES, "b": sha256(b"3").hexdigest()}
    assert await laid.manifest() == {"a/c": HASHES["a/c"]}
