"""Base trees of repository cases: in folders of the case, or in a Docker image.

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
from benchmarks.suites.patch import PatchRefused, apply_patch, touched
from benchmarks.suites.public_formats import instance_fields
from benchmarks.suites.records import document, json_object, make, strings
from coder.base.errors import UsageError
from sandbox.errors import BackendMissing
from sandbox.images.image_tree import ImageTree, read_tree

TASK = "task.json"
MAX_FILES = 50_000
MAX_BYTES = 512 << 20
_READING = threading.Lock()


def repository_folder(folder: Path) -> RepositoryCase:
    """The case of one folder; the hidden tests are the files of `tests.patch` after it. Raises UsageError."""
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
    """A file as text; invalid bytes are replaced."""
    return document(path).decode("utf-8", errors="replace")


def unpacked(path: Path) -> ImageTree:
    """Read a tar archive (`.tar` or `.tar.gz`) into memory, without links and devices. Raises UsageError."""
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
    return ImageTree(files, tuple(executable), ())


def relative(name: str, where: object) -> str:
    """A path inside a tree, normalized. Raises UsageError if it leaves the tree."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise UsageError(f"{where}: the path {name!r} leads out of the tree.")
    return "/".join(parts)


async def with_base_tree(case: Case) -> Case:
    """The case with its base tree, read from the image if needed."""
    if not isinstance(case, RepositoryCase) or not lies_in_image(case):
        return case
    return case.model_copy(update={"files": (await image_tree(case)).files})


def lies_in_image(case: RepositoryCase) -> bool:
    """Whether the base tree must be read from the case's image."""
    return case.image is not None and case.tree is not None and not case.files


async def image_tree(case: RepositoryCase) -> ImageTree:
    """Read the base tree from the case's image; raises as `read_tree` does."""
    try:
        return await asyncio.to_thread(_read, case.image or "", case.tree or "/")
    except ImportError as error:
        raise BackendMissing(f"A case with an image of its own needs the package docker: {error}.") from error


def _read(image: str, folder: str) -> ImageTree:
    with _READING:  # concurrent readers of the same tree wait for it
        return _read_once(image, folder)


_read_once = functools.lru_cache(maxsize=2)(read_tree)


def with_tree(case: RepositoryCase, tree: ImageTree) -> RepositoryCase:
    """The case as if the suite contained its tree and hidden tests. Raises PatchRefused."""
    files, hidden = dict(tree.files), dict(case.hidden_tests)
    if case.test_patch is not None:
        try:
            after = apply_patch(files, case.test_patch)
        except PatchRefused as error:
            raise PatchRefused(f"the patch of its tests doesn't fit the image's tree: {error}") from error
        changed = touched(case.test_patch)
        files = {path: content for path, content in files.items() if path in after or path not in changed}
        hidden |= {path: after[path].decode("utf-8", "replace") for path in sorted(changed & after.keys())}
    executable = tuple(path for path in tree.executable if path in files)
    return case.model_copy(update={"files": files, "hidden_tests": hidden, "executable": executable})
