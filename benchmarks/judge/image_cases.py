"""Sandboxes of cases that need a Docker image of their own: one for each image, a few open at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.judge.candidate_tree import gold_tree
from benchmarks.judge.imported import Interpreter, find_python, found_elsewhere
from benchmarks.judge.isolated_check import Open, top_modules
from benchmarks.judge.pinning import find_repository_mode
from benchmarks.judge.repository_mode import RepositoryMode
from benchmarks.suite import RepositoryCase
from benchmarks.suites.imagetree import image_tree, lies_in_image, with_tree
from benchmarks.suites.patch import PatchRefused, touched
from sandbox import Policy, Sandbox, open_sandbox
from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.images.image_tree import ImageTree

AT_ONCE = 2
"""Images whose trees and sandboxes are held; who needs another waits until one is idle."""
_SPARE_MB = 256
"""Room of a workspace beside two trees' worth."""
_SPARE_FILES = 16_384


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case is judged, and the case with its tree and its tests."""

    case: RepositoryCase
    sandbox: Sandbox
    opened: Open | None
    """Opens more of them; None where the tests have another interpreter than the image's own."""
    left_out: tuple[str, ...] = ()
    """Of the image's tree: what is no regular file."""


@dataclass(slots=True)
class _Image:
    """One image at work."""

    tree: ImageTree
    policy: Policy
    sandbox: Sandbox
    python: Interpreter
    stack: AsyncExitStack
    users: int = 0
    broken: bool = False


@dataclass(slots=True)
class Images:
    """Lends places. `policy` is that of other cases' sandboxes."""

    policy: Policy
    _held: dict[tuple[str, str], _Image] = field(default_factory=dict)
    """By image and folder; the one that was used the longest ago comes first."""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @contextlib.asynccontextmanager
    async def use(self, case: RepositoryCase) -> AsyncIterator[Place]:
        """A place for a case that names an image, always of Docker.

        Raises:
            BackendMissing: there is no engine or no such image, or no Python in it that could run tests.
            FileRefused: the image has no such folder, or it holds more than a tree may.
            PatchRefused: the patch of its tests doesn't fit.
            SandboxBroken: the sandbox stopped working; the next one to come gets a new one.
        """
        key = (str(case.image), case.tree or "")
        image = await self._take(key, case)
        try:
            yield _place(case, image)
        except SandboxBroken:
            image.broken = True
            raise
        finally:
            await self._give_back(key, image)

    async def close(self) -> None:
        """End all sandboxes."""
        async with self._changed:
            for image in self._held.values():
                await image.stack.aclose()
            self._held.clear()

    async def _take(self, key: tuple[str, str], case: RepositoryCase) -> _Image:
        async with self._changed:
            await self._changed.wait_for(lambda: key in self._held or self._has_room())
            image = self._held.pop(key, None)
            if image is None:
                await self._make_room()
                image = await self._open(case)
            self._held[key] = image  # the last again
            image.users += 1
            return image

    async def _give_back(self, key: tuple[str, str], image: _Image) -> None:
        async with self._changed:
            image.users -= 1
            if image.broken and self._held.get(key) is image:
                del self._held[key]
            if image.broken and not image.users:
                await image.stack.aclose()
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._held) < AT_ONCE or any(not image.users for image in self._held.values())

    async def _make_room(self) -> None:
        if len(self._held) >= AT_ONCE:
            idle = next(key for key, image in self._held.items() if not image.users)
            await self._held.pop(idle).stack.aclose()

    async def _open(self, case: RepositoryCase) -> _Image:
        tree = await image_tree(case) if lies_in_image(case) else ImageTree(case.files, case.executable, ())
        policy = _with_room(self.policy, case, tree)
        async with AsyncExitStack() as stack:
            sandbox = await stack.enter_async_context(open_sandbox(policy, backend="docker"))
            python = await find_python(sandbox, case.tree or "/")
            if isinstance(python, str):
                raise BackendMissing(python)
            return _Image(tree, policy, sandbox, python, stack.pop_all())


def _with_room(policy: Policy, case: RepositoryCase, tree: ImageTree) -> Policy:
    """The policy for a workspace that holds the tree: it lies in memory there."""
    size_mb = sum(map(len, tree.files.values())) >> 20
    room = {
        "image": case.image,
        "python": None,
        "memory_mb": policy.memory_mb + size_mb,
        "disk_mb": 2 * size_mb + _SPARE_MB,
        "files": 2 * len(tree.files) + _SPARE_FILES,
    }
    return policy.model_copy(update=room)


def _place(case: RepositoryCase, image: _Image) -> Place:
    def opened() -> AbstractAsyncContextManager[Sandbox]:
        return open_sandbox(image.policy, backend="docker")

    filled = with_tree(case, image.tree) if lies_in_image(case) else case
    roots = [root for root in image.python.roots if root != "."]
    filled = filled.model_copy(
        update={
            "environment": {**image.python.environment, **case.environment},
            "pythonpath": roots[0] if roots and case.pythonpath in ("", ".") else case.pythonpath,
        }
    )
    return Place(filled, image.sandbox, opened if image.python.own else None, image.tree.left_out)


async def find_image_mode(place: Place) -> RepositoryMode:
    """The strongest way in which the case's own patch passes, on a copy of its image's tree."""
    try:
        reason = await _not_the_copy(place)
    except PatchRefused as error:
        reason = f"the case's own patch doesn't fit: {error}"
    if reason is not None:
        return RepositoryMode(how="broken", reason=reason)
    mode = await find_repository_mode(place.sandbox, place.opened, place.case)
    if mode.how == "broken" and place.left_out:
        some = f"{len(place.left_out):,} links and the like of its tree were left out: {place.left_out[0]}"
        return mode.model_copy(update={"reason": f"{mode.reason} ({some})"})
    return mode


async def _not_the_copy(place: Place) -> str | None:
    """Why tests would not see the patched tree, where the image has its packages installed from its own."""
    case = place.case
    files = gold_tree(case)
    names = top_modules(files, case.pythonpath)
    tool = next((name for name in ("pytest", "_pytest") if name in names), None)
    if tool is not None:
        return f"it is a change of {tool}, which runs the tests here"
    patched = _patched_modules(case)
    roots = (".", case.pythonpath)
    for name, where in (await found_elsewhere(place.sandbox, files, names, roots, case.environment)).items():
        if name in patched or (case.tree is not None and where.startswith(f"{case.tree}/")):
            return f"{name} is imported from {where or 'nowhere'}, and not from the patched tree"
    return None


def _patched_modules(case: RepositoryCase) -> set[str]:
    """Modules and packages that the case's own patch changes; not folders without an `__init__.py`."""
    changed = touched(case.gold_patch or "") & case.files.keys()
    roots = ("", f"{case.pythonpath}/")
    return {
        name
        for name in top_modules(dict.fromkeys(changed, b""), case.pythonpath)
        if any(f"{root}{name}{end}" in case.files for root in roots for end in (".py", "/__init__.py"))
    }
