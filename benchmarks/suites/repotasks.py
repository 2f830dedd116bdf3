"""Repository cases as folders: `task.json` with the facts, `repo.tar.gz`, `tests.patch` and `gold.patch`.

The fields of task.json are those of SWE-bench, with `test_paths`, `test_command` and `pythonpath`.
"""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused, apply_patch, touched
from benchmarks.suites.public_formats import instance_fields
from benchmarks.suites.records import document, json_object, make, strings
from coder.errors import UsageError

TASK = "task.json"
MAX_FILES = 50_000
MAX_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """The regular files of a base tree by relative path, and which of them have the x bit."""

    files: dict[str, bytes]
    executable: tuple[str, ...]


def repository_folder(folder: Path) -> RepositoryCase:
    """The case of one folder. The hidden tests are the files of `tests.patch` as they are after it."""
    where = str(folder / TASK)
    record = json_object(folder / TASK)
    archive = folder / "repo.tar.gz"
    if not archive.exists():
        raise UsageError(
            f"{folder} holds no repo.tar.gz: the facts of the case without its tree.\n"
            "Where a rebuild.py lies beside it, that makes the tree: python rebuild.py --out FOLDER"
        )
    tree = unpacked(archive)
    tests = text_of(folder / "tests.patch")
    try:
        after = apply_patch(tree.files, tests)
    except PatchRefused as cause:
        raise UsageError(f"{where}: tests.patch doesn't fit the tree: {cause}.") from cause
    gold = folder / "gold.patch"
    named = ("timeout_s", "test_command", "pythonpath", "image")
    return make(
        RepositoryCase,
        where,
        **instance_fields(record, where),
        **{name: record.get(name) for name in named},
        files=tree.files,
        executable=tree.executable,
        hidden_tests={
            path: after[path].decode("utf-8", errors="replace")
            for path in sorted(touched(tests) & after.keys())
        },
        gold_patch=text_of(gold) if gold.exists() else None,
        dependencies=strings(record, "dependencies", where),
    )


def text_of(path: Path) -> str:
    """A file as text, whatever its bytes are."""
    return document(path).decode("utf-8", errors="replace")


def unpacked(path: Path) -> Tree:
    """Read a tar archive (`.tar` or `.tar.gz`) in memory. Links and devices are left out."""
    files: dict[str, bytes] = {}
    executable: list[str] = []
    left = MAX_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(document(path))) as archive:
            for member in archive:
                if not member.isreg():
                    continue
                left -= member.size
                if left < 0 or len(files) >= MAX_FILES:
                    raise UsageError(f"{path} holds more than {MAX_FILES:,} files or {MAX_BYTES >> 20} MiB.")
                name = relative(member.name, path)
                content = archive.extractfile(member)
                files[name] = content.read() if content else b""
                if member.mode & 0o100:
                    executable.append(name)
    except (tarfile.TarError, EOFError, OSError) as cause:
        raise UsageError(f"{path} is no tar archive, or a damaged one: {cause}.") from cause
    if not files:
        raise UsageError(f"{path} holds no files.")
    return Tree(files, tuple(executable))


def relative(name: str, where: object) -> str:
    """A path inside of a tree, as it is written in cases."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise UsageError(f"{where}: the path {name!r} leads out of the tree.")
    return "/".join(parts)
