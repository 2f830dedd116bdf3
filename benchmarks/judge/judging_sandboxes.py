"""Open sandboxes for judging: shared sandboxes, or sandboxes of a case's own Docker image."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from benchmarks.judge.candidate_tree import gold_tree
from benchmarks.judge.function_trial import Pair
from benchmarks.judge.imported import find_elsewhere, find_python
from benchmarks.judge.isolated_check import Open, top_modules
from benchmarks.judge.mode import RepositoryMode
from benchmarks.judge.pinning import find_repository_mode
from benchmarks.suite import Case, HarborCase, RepositoryCase, UnreadableCase
from benchmarks.suites.patch import PatchRefused, touched_paths
from benchmarks.suites.repotasks import image_tree, lies_in_image, with_tree
from coder.environment.toolchains import with_toolchains
from sandbox import Policy, Sandbox, open_sandbox
from sandbox.docker.engine import Engine, connect
from sandbox.docker.labels import OWNER, keeper, labels
from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.images.image_tree import ImageTree
from sandbox.policy import keeps_apart
from sandbox.verdicts.candidate_pool import Candidates, Checkers

_MAX_IMAGES = 2
"""Judge at most this many cases with images concurrently: each case needs memory for a tree."""
_SPARE_MB = 256
"""Workspace size beyond twice the tree."""
_SPARE_FILES = 16_384


@dataclass(frozen=True, slots=True)
class JudgingSandbox:
    """Sandbox of a case, and the case with its tree and tests."""

    case: RepositoryCase
    sandbox: Sandbox
    opened: Open | None
    """Lends sandboxes for isolated tests; None if the tests need another interpreter than the image's own."""
    left_out: tuple[str, ...] = ()
    """Entries of the image's tree that aren't regular files."""


@contextlib.asynccontextmanager
async def open_judging_sandbox(policy: Policy, case: RepositoryCase) -> AsyncIterator[JudgingSandbox]:
    """Open a Docker sandbox for a case that names an image.

    Raises:
        BackendMissing: no engine, no such image, or no Python in it that can run tests.
        FileRefused: the image lacks the folder, or it exceeds the limits of a tree.
        PatchRefused: the patch of its tests doesn't fit.
        SandboxBroken: the sandbox stopped working.
    """
    tree = ImageTree(case.files, case.executable, ())
    if lies_in_image(case):
        tree = await image_tree(case)
        case = with_tree(case, tree)
    policy = _enlarge(policy, case, tree)
    async with open_sandbox(policy, backend="docker") as sandbox:
        if case.runner != "pytest":  # the image's own runner has any Python, or none
            yield JudgingSandbox(case, sandbox, None, tree.left_out)
            return
        python = await find_python(sandbox, case.tree or "/")
        if isinstance(python, str):
            raise BackendMissing(python)
        roots = [root for root in python.roots if root != "."]
        in_place = roots and case.pythonpath in ("", ".")
        environment = {**python.environment, **case.environment}
        pythonpath = roots[0] if in_place else case.pythonpath
        ready_case = case.model_copy(update={"environment": environment, "pythonpath": pythonpath})
        opening = functools.partial(open_sandbox, policy, backend="docker")
        async with lent_beside(sandbox, opening) as opened:
            yield JudgingSandbox(
                ready_case, sandbox, opened if python.is_first_on_path else None, tree.left_out
            )


@contextlib.asynccontextmanager
async def lent_beside(
    candidate: Sandbox, opening: Callable[[], AbstractAsyncContextManager[Sandbox]]
) -> AsyncIterator[Open]:
    """Yield a function that lends a candidate's sandbox and a checker's, which its first use opens."""
    checkers: list[Sandbox] = []
    turn = asyncio.Lock()
    async with contextlib.AsyncExitStack() as stack:

        @contextlib.asynccontextmanager
        async def lend() -> AsyncIterator[tuple[Sandbox, Sandbox]]:
            async with turn:
                if not checkers:
                    checkers.append(await stack.enter_async_context(opening()))
            yield candidate, checkers[0]

        yield lend


def _enlarge(policy: Policy, case: RepositoryCase, tree: ImageTree) -> Policy:
    """Enlarge the policy's memory so that the workspace, which lies in memory, holds the tree."""
    size_mb = sum(map(len, tree.files.values())) >> 20
    limits = {
        "image": case.image,
        "python": None,
        "memory_mb": policy.memory_mb + size_mb,
        "disk_mb": 2 * size_mb + _SPARE_MB,
        "files": 2 * len(tree.files) + _SPARE_FILES,
    }
    return policy.model_copy(update=limits)


class JudgingSandboxes:
    """Opens sandboxes on demand, and reopens broken ones."""

    def __init__(self, policy: Policy, backend: str) -> None:
        self._policy, self._backend = policy, backend
        self._stack = contextlib.AsyncExitStack()
        self._pair: Pair | None = None
        self._opening = asyncio.Lock()
        self._engine: Engine | None = None
        self._in_images = asyncio.Semaphore(_MAX_IMAGES)

    @property
    def isolation(self) -> str | None:
        """Mechanism that isolates candidates; None if no case needed a sandbox so far."""
        return self._pair.candidate.backend if self._pair is not None else None

    @property
    def image(self) -> str | None:
        """Id of the candidates' image, if any; a case's own image is reported by the case."""
        return self._pair.candidate.image if self._pair is not None else None

    async def keeps_apart(self, case: Case) -> bool:
        """Whether a candidate can't reach the sandbox that judges it."""
        if isinstance(case, HarborCase | UnreadableCase) or (
            isinstance(case, RepositoryCase) and case.image is not None
        ):
            return True  # each sandbox is a container
        return keeps_apart((await self.pair()).candidate.capabilities())

    async def pair(self) -> Pair:
        """Return the sandboxes of cases without an image. Raises BackendMissing."""
        async with self._opening:
            if self._pair is None:
                try:
                    candidate, checker = [
                        await self._stack.enter_async_context(self.open()) for _ in range(2)
                    ]
                except ValueError as error:  # settings that no sandbox can have, whatever is judged
                    raise BackendMissing(str(error)) from error
                self._pair = Pair(candidate, checker, Candidates(candidate), Checkers(checker))
            return self._pair

    async def engine(self) -> Engine:
        """Return the Docker engine of Harbor tasks. Raises BackendMissing."""
        async with self._opening:
            if self._engine is None:
                self._engine = await connect()
                self._stack.callback(self._engine.close)
                self._stack.enter_context(keeper(labels()[OWNER]))  # removes their containers if this dies
            return self._engine

    def open(self) -> AbstractAsyncContextManager[Sandbox]:
        """Open another sandbox of the same kind."""
        return open_sandbox(self._policy, backend=self._backend)

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[Pair]:
        """Lend the shared pair for one sample; once broken, the next sample gets a new pair."""
        pair = await self.pair()
        try:
            yield pair
        except SandboxBroken:
            async with self._opening:
                if self._pair is pair:
                    self._pair = None
            raise

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[tuple[Sandbox, Sandbox]]:
        """Lend sandboxes for a check with isolated tests.

        They are the shared pair if fresh runs are isolated as well as sandboxes, else new sandboxes.
        """
        pair = await self.pair()
        if keeps_apart(pair.candidate.capabilities()):
            yield pair.candidate, pair.checker
            return
        async with self.open() as candidate, self.open() as checker:
            yield candidate, checker

    @contextlib.asynccontextmanager
    async def of(self, case: RepositoryCase) -> AsyncIterator[JudgingSandbox]:
        """Open the sandbox of a repository case."""
        if case.image is not None:
            async with self._in_images, open_judging_sandbox(self._policy, case) as judging:
                yield judging
        elif case.runner != "pytest":
            policy = with_toolchains(self._policy, (*case.files, *case.hidden_tests), caches=False)
            memory_mb = max(policy.memory_mb, case.memory_mb or 0)
            policy = policy.model_copy(update={"folders": case.shown, "memory_mb": memory_mb})
            async with open_sandbox(policy, backend=self._backend) as sandbox:
                yield JudgingSandbox(case, sandbox, None)
        else:
            async with self.shared() as pair:
                yield JudgingSandbox(case, pair.candidate, self.lend)

    async def close(self) -> None:
        """Close all sandboxes."""
        await self._stack.aclose()


async def find_image_mode(judging: JudgingSandbox) -> RepositoryMode:
    """Find the strongest mode in which the case's own patch passes, on a copy of its image's tree."""
    try:
        # Tests that ran another copy would say the same of the base as of the case's own patch.
        reason = await _find_other_copy(judging) if judging.case.runner == "pytest" else None
    except PatchRefused as error:
        reason = f"the case's own patch doesn't fit: {error}"
    if reason is not None:
        return RepositoryMode(how="broken", reason=reason)
    mode = await find_repository_mode(judging.sandbox, judging.opened, judging.case)
    if mode.how == "broken" and judging.left_out:
        note = (
            f"{len(judging.left_out):,} links and the like of its tree were left out: {judging.left_out[0]}"
        )
        return mode.model_copy(update={"reason": f"{mode.reason} ({note})"})
    return mode


async def _find_other_copy(judging: JudgingSandbox) -> str | None:
    """Return why tests wouldn't import the patched tree, or None: the image may install another copy."""
    case = judging.case
    files = gold_tree(case)
    names = top_modules(files, case)
    tool = next((name for name in ("pytest", "_pytest") if name in names), None)
    if tool is not None:
        return f"it is a change of {tool}, which runs the tests here"
    patched = _patched_modules(case)
    roots = (".", case.pythonpath)
    for name, where in (await find_elsewhere(judging.sandbox, files, names, roots, case.environment)).items():
        if name in patched or (case.tree is not None and where.startswith(f"{case.tree}/")):
            return f"{name} is imported from {where or 'nowhere'}, and not from the patched tree"
    return None


def _patched_modules(case: RepositoryCase) -> set[str]:
    """Return modules and packages that the case's own patch changes; folders need an `__init__.py`."""
    changed = touched_paths(case.gold_patch or "") & case.files.keys()
    roots = ("", f"{case.pythonpath}/")
    return {
        name
        for name in top_modules(changed, case)
        if any(f"{root}{name}{end}" in case.files for root in roots for end in (".py", "/__init__.py"))
    }
