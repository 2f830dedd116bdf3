"""Read base trees of repository cases, from folders or from Docker images.

A folder has `task.json`, with fields of SWE-bench, `test_paths`, `test_command` and `pythonpath`,
`repo.tar.gz`, `tests.patch` and `gold.patch`.
"""

import asyncio
import functools
import io
import tarfile
import threading
from pathlib import Path, PurePosixPath

from benchmarks.suite import Case, RepositoryCase
from benchmarks.suites.patch import PatchRefused, apply_patch, touched_paths
from benchmarks.suites.records import make, read_document, read_json_object, strings
from benchmarks.suites.swebench import instance_fields
from coder.base.errors import UsageError
from sandbox.errors import BackendMissing
from sandbox.images.image_tree import ImageTree, read_tree

TASK = "task.json"
MAX_FILES = 50_000
MAX_BYTES = 512 << 20
_READ_LOCK = threading.Lock()


def read_repository_folder(folder: Path) -> RepositoryCase:
    """Read the case in a folder; hidden tests are the files that `tests.patch` changes. Raises UsageError."""
    where = str(folder / TASK)
    record = read_json_object(folder / TASK)
    archive = folder / "repo.tar.gz"
    if not archive.exists():
        raise UsageError(
            f"{folder} holds no repo.tar.gz: the facts of the case without its tree.\n"
            "Where a rebuild.py lies beside it, that makes the tree: python rebuild.py --out FOLDER"
        )
    tree = read_archive(archive)
    tests = read_text(folder / "tests.patch")
    try:
        patched = apply_patch(tree.files, tests)
    except PatchRefused as cause:
        raise UsageError(f"{where}: tests.patch doesn't fit the tree: {cause}.") from cause
    gold = folder / "gold.patch"
    field_names = ("timeout_s", "test_command", "pythonpath", "image")
    return make(
        RepositoryCase,
        where,
        **instance_fields(record, where),
        **{name: record.get(name) for name in field_names},
        files=tree.files,
        executable=tree.executable,
        hidden_tests={
            path: patched[path].decode("utf-8", errors="replace")
            for path in sorted(touched_paths(tests) & patched.keys())
        },
        gold_patch=read_text(gold) if gold.exists() else None,
        dependencies=strings(record, "dependencies", where),
    )


def read_text(path: Path) -> str:
    """Read a file as text; invalid bytes are replaced."""
    return read_document(path).decode("utf-8", errors="replace")


def read_archive(path: Path) -> ImageTree:
    """Read a tar archive (`.tar` or `.tar.gz`) into memory, without links and devices. Raises UsageError."""
    files: dict[str, bytes] = {}
    executable: list[str] = []
    bytes_left = MAX_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(read_document(path))) as archive:
            for member in archive:
                if not member.isreg():
                    continue
                bytes_left -= member.size
                if bytes_left < 0 or len(files) >= MAX_FILES:
                    raise UsageError(f"{path} holds more than {MAX_FILES:,} files or {MAX_BYTES >> 20} MiB.")
                name = normalize_path(member.name, path)
                content = archive.extractfile(member)
                files[name] = content.read() if content else b""
                if member.mode & 0o100:
                    executable.append(name)
    except (tarfile.TarError, EOFError, OSError) as cause:
        raise UsageError(f"{path} is no tar archive, or a damaged one: {cause}.") from cause
    if not files:
        raise UsageError(f"{path} holds no files.")
    return ImageTree(files, tuple(executable), ())


def normalize_path(name: str, where: object) -> str:
    """Return the normalized path inside a tree. Raises UsageError if the path leaves the tree."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise UsageError(f"{where}: the path {name!r} leads out of the tree.")
    return "/".join(parts)


def path_inside(folder: Path, name: str, where: object) -> Path:
    """Return the path of a folder's file that a record names.

    Raises UsageError if it leads out of the folder, also by a link: the record is untrusted.
    """
    path = folder / normalize_path(name, where)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{where}: {name!r} is a link out of {folder}. Put a copy in its place.")
    return path


async def with_base_tree(case: Case) -> Case:
    """Return the case with its base tree, which is read from the image if needed."""
    if not isinstance(case, RepositoryCase) or not lies_in_image(case):
        return case
    return case.model_copy(update={"files": (await image_tree(case)).files})


def lies_in_image(case: RepositoryCase) -> bool:
    """Whether the base tree must be read from the case's image."""
    return case.image is not None and case.tree is not None and not case.files


async def image_tree(case: RepositoryCase) -> ImageTree:
    """Read the base tree from the case's image. Raises the errors of `read_tree`."""
    try:
        return await asyncio.to_thread(_read, case.image or "", case.tree or "/")
    except ImportError as error:
        raise BackendMissing(f"A case with an image of its own needs the package docker: {error}.") from error


def _read(image: str, folder: str) -> ImageTree:
    with _READ_LOCK:  # concurrent readers of one tree wait for the first reader
        return _read_once(image, folder)


_read_once = functools.lru_cache(maxsize=2)(read_tree)


def with_tree(case: RepositoryCase, tree: ImageTree) -> RepositoryCase:
    """Return the case with a tree and with the hidden tests of its test patch. Raises PatchRefused."""
    files, hidden_tests = dict(tree.files), dict(case.hidden_tests)
    if case.test_patch is not None:
        try:
            patched = apply_patch(files, case.test_patch)
        except PatchRefused as error:
            raise PatchRefused(f"the patch of its tests doesn't fit the image's tree: {error}") from error
        changed_paths = touched_paths(case.test_patch)
        files = {
            path: content for path, content in files.items() if path in patched or path not in changed_paths
        }
        hidden_tests |= {
            path: patched[path].decode("utf-8", "replace") for path in sorted(changed_paths & patched.keys())
        }
    executable = tuple(path for path in tree.executable if path in files)
    return case.model_copy(update={"files": files, "hidden_tests": hidden_tests, "executable": executable})
