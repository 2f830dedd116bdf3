"""Cases whose base tree lies in a Docker image: read out of it, with the hidden tests that a patch makes."""

import asyncio
import functools
import threading
from collections.abc import Mapping

from benchmarks.suite import Case, RepositoryCase
from benchmarks.suites.patch import PatchRefused, apply_patch, touched
from sandbox.errors import BackendMissing
from sandbox.images.image_tree import ImageTree, read_tree

_READING = threading.Lock()


async def with_base_tree(case: Case) -> Case:
    """The case with its base tree, wherever that lies."""
    if not isinstance(case, RepositoryCase) or not lies_in_image(case):
        return case
    return case.model_copy(update={"files": (await image_tree(case)).files})


def lies_in_image(case: RepositoryCase) -> bool:
    """Whether the base tree has to be read out of the case's image."""
    return case.image is not None and case.tree is not None and not case.files


async def image_tree(case: RepositoryCase) -> ImageTree:
    """The base tree of a case that lies in its image, as `sandbox.images.image_tree.read_tree` gives it.

    Raises:
        BackendMissing: there is no engine, or it has no such image.
        FileRefused: the image has no such folder, or it holds more than a tree may.
        SandboxBroken: the engine refused.
    """
    try:
        return await asyncio.to_thread(_read, case.image or "", case.tree or "/")
    except ImportError as error:
        raise BackendMissing(f"A case with an image of its own needs the package docker: {error}.") from error


def _read(image: str, folder: str) -> ImageTree:
    with _READING:  # others who want the same tree wait for it
        return _read_once(image, folder)


_read_once = functools.lru_cache(maxsize=2)(read_tree)


def with_tree(case: RepositoryCase, tree: ImageTree) -> RepositoryCase:
    """The case as if its tree and its hidden tests had stood in the suite."""
    files, hidden = dict(tree.files), dict(case.hidden_tests)
    if case.test_patch is not None:
        after = _patched(files, case.test_patch)
        changed = touched(case.test_patch)
        files = {path: content for path, content in files.items() if path in after or path not in changed}
        hidden |= {path: after[path].decode("utf-8", "replace") for path in sorted(changed & after.keys())}
    executable = tuple(path for path in tree.executable if path in files)
    return case.model_copy(update={"files": files, "hidden_tests": hidden, "executable": executable})


def _patched(files: Mapping[str, bytes], patch: str) -> dict[str, bytes]:
    try:
        return apply_patch(files, patch)
    except PatchRefused as error:
        raise PatchRefused(f"the patch of its tests doesn't fit the image's tree: {error}") from error
