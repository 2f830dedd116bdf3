"""What is put into a container is packed piece by piece."""

import tarfile
import tempfile
import tracemalloc
from pathlib import Path

from benchmarks.harbor.container_files import pack
from benchmarks.harbor.verifier import write_folder

MIB = 1 << 20


def test_large_tests_of_a_task_are_packed_without_being_held_in_memory(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.bin").write_bytes(bytes([number]) * 8 * MIB)

    tracemalloc.start()
    try:
        with tempfile.SpooledTemporaryFile(MIB) as packed:
            pack(packed, [write_folder(tmp_path, "tests")])
            _, peak = tracemalloc.get_traced_memory()
            packed.seek(0)
            with tarfile.open(fileobj=packed) as archive:
                sizes = {entry.name: entry.size for entry in archive if entry.isreg()}
    finally:
        tracemalloc.stop()

    assert sizes == {f"tests/{number}.bin": 8 * MIB for number in range(6)}
    assert peak < 24 * MIB


def test_what_a_harborignore_excludes_reaches_no_container(tmp_path: Path) -> None:
    for path in ("test.sh", "notes.md", "data/a.bin", "data/kept.bin", "cache/deep/b"):
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_text("")
    (tmp_path / ".harborignore").write_text("# notes\n*.md\ncache/\n")
    (tmp_path / "data/.harborignore").write_text("*.bin\n!kept.bin\n")

    with tempfile.SpooledTemporaryFile(MIB) as packed:
        pack(packed, [write_folder(tmp_path, "tests")])
        packed.seek(0)
        with tarfile.open(fileobj=packed) as archive:
            names = [entry.name for entry in archive if entry.name.startswith("tests/")]

    assert names == ["tests/data", "tests/data/kept.bin", "tests/test.sh"]
