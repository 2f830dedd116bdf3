"""The judge of a suite: opens its sandboxes, fixes how each case is judged, and is sure before it says so.

A timeout is tried again alone before it is final. A trial that gave no verdict is the candidate's fault,
unless a solution that is known to be good fails in the same place.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.judge.apart import Open
from benchmarks.judge.audit import audit_function
from benchmarks.judge.function import Pair, find_mode, judge_function
from benchmarks.judge.image_mode import find_image_mode
from benchmarks.judge.images import Images, Place
from benchmarks.judge.mode import Mode
from benchmarks.judge.modes import KnownModes
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.repository_mode import RepositoryMode, find_repository_mode
from benchmarks.judge.script import judge_script
from benchmarks.judge.sources import canonical_module
from benchmarks.judge.turns import Turns
from benchmarks.judge.verdicts import Judged, one_line
from benchmarks.patch import PatchRefused
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase, Suite
from benchmarks.verdict import Strength, Verdict
from sandbox import Policy, PythonCode, Sandbox, find_interpreter, open_sandbox
from sandbox.candidates import Candidates
from sandbox.checkers import Checkers
from sandbox.errors import BackendMissing, SandboxBroken, SandboxError

_KNOWN_GOOD = FunctionCase(
    id="known-good",
    prompt="",
    entry_point="double",
    canonical_solution="def double(n):\n    return 2 * n\n",
    test="def check(candidate):\n    assert candidate(21) == 42\n",
)
"""Tried where a case has no canonical answer of its own."""
_NOTHING = PythonCode(source="")
_REOPENINGS = 3
"""Of the sandboxes, for one sample; candidates that break them again and again are to blame themselves."""


@dataclass(frozen=True, slots=True)
class Known:
    """Of a case: how strong verdicts on it are (None: it judges nobody), why not stronger, its own answer."""

    strength: Strength | None
    reason: str
    good: str | None


class Judge:
    """Made by `open_judge`. Any number of samples may be judged at once."""

    def __init__(self, policy: Policy, backend: str, known: KnownModes | None) -> None:
        self._policy, self._backend, self._known = policy, backend, known
        self._stack = contextlib.AsyncExitStack()
        self._pair: Pair | None = None
        self._opening = asyncio.Lock()
        self._modes: dict[str, asyncio.Task[Mode]] = {}
        self._repositories: dict[str, asyncio.Task[RepositoryMode]] = {}
        self._images = Images(policy)
        self._turns = Turns()

    async def judge(self, case: Case, code: str, *, sample: int = 0) -> Verdict:
        """What became of one answer, for good.

        Args:
            code: a whole module, a script, or a unified diff, as the kind of the case asks.
            sample: its number among those of its case.
        """
        way = await self._way(case)
        if isinstance(way, Verdict):
            return way.model_copy(update={"sample": sample})
        async with self._turns.shared():
            judged = await self._try(way, code, sample)
        if judged.verdict.verdict == "timeout":
            async with self._turns.alone():
                judged = await self._try(way, code, sample)
        if judged.incomplete and not await self._is_sound(way):
            return judged.verdict.model_copy(update={"verdict": "infrastructure"})
        return judged.verdict

    async def audit(self, case: Case, code: str, verdict: Verdict) -> Verdict:
        """A verdict with what a second look says: whether an answer that passed holds on fresh inputs."""
        if verdict.verdict != "passed" or not isinstance(case, FunctionCase):
            return verdict
        mode = await self.mode(case)
        async with self._turns.shared():
            found = await audit_function(await self.sandboxes(), case, code, mode)
        if found is None or found.overfits is None:
            return verdict
        share = f"{found.differing} of {found.inputs} fresh inputs differ: {found.example}"
        detail = one_line(share) if found.overfits else ""
        return verdict.model_copy(update={"overfits": found.overfits, "detail": detail})

    async def way(self, case: Case) -> Known:
        """What is known of a case before anybody is judged by it."""
        way = await self._way(case)
        if isinstance(way, Verdict):
            return Known(strength=None, reason=way.detail, good=None)
        return Known(strength=way.strength, reason=way.reason, good=way.good)

    @property
    def isolation(self) -> str:
        """What keeps candidates apart here."""
        return self._pair.candidate.backend if self._pair is not None else self._backend

    @property
    def image(self) -> str | None:
        """Id of the image that candidates were judged in, where there is one; a case's own is its own."""
        return self._pair.candidate.image if self._pair is not None else None

    async def mode(self, case: FunctionCase) -> Mode:
        """How a case is judged; found once."""
        if case.id not in self._modes:
            self._modes[case.id] = asyncio.create_task(self._find_mode(case))
        return await asyncio.shield(self._modes[case.id])

    async def repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        """How a repository case is judged; found once."""
        if case.id not in self._repositories:
            self._repositories[case.id] = asyncio.create_task(self._find_repository_mode(case))
        return await asyncio.shield(self._repositories[case.id])

    async def close(self) -> None:
        """End what still runs, and the sandboxes."""
        tasks = [*self._modes.values(), *self._repositories.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._images.close()
        await self._stack.aclose()

    async def _find_mode(self, case: FunctionCase) -> Mode:
        known = self._known.get(case.id) if self._known is not None else None
        mode = known or await self._new_mode(case)
        if self._known is not None:
            self._known.put(case.id, mode)
        return mode

    async def _new_mode(self, case: FunctionCase) -> Mode:
        async with self._turns.shared():
            mode = await find_mode(await self.sandboxes(), case)
        if mode.how in ("together", "broken"):  # for want of time, perhaps: it has to fail alone, too
            async with self._turns.alone():
                return await find_mode(await self.sandboxes(), case)
        return mode

    async def _find_repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        async with self._turns.shared():
            if case.image is None:
                pair = await self.sandboxes()
                mode = await find_repository_mode(pair.candidate, self._open, case)
                return await _seen_among_twins(mode, pair.candidate, self._open, case)
            try:
                async with self._images.use(case) as place:
                    mode = await find_image_mode(place)
                    return await _seen_among_twins(mode, place.sandbox, place.opened, place.case)
            except (SandboxError, PatchRefused) as error:  # others go on
                return RepositoryMode(how="broken", reason=str(error))

    def _open(self) -> AbstractAsyncContextManager[Sandbox]:
        return open_sandbox(self._policy, backend=self._backend)

    async def _way(self, case: Case) -> "_Way | Verdict":
        """How a case is judged; for one that nobody can judge, the verdict on all of its samples."""
        match case:
            case FunctionCase():
                mode = await self.mode(case)
                if mode.how != "broken":
                    return self._function(case, mode)
                reason = mode.reason
            case ScriptCase():
                return self._script(case)
            case RepositoryCase():
                found = await self.repository_mode(case)
                if found.how != "broken":
                    return self._repository(case, found)
                reason = found.reason
        return _unjudged(case, reason)

    def _function(self, case: FunctionCase, mode: Mode) -> "_Way":
        async def judge(code: str, sample: int) -> Judged:
            async with self._usual() as pair:
                judged = await judge_function(pair, case, code, mode, sample=sample)
                return await _seen_alive(pair.candidate, judged)

        return _Way(case.id, mode.strength, judge, canonical_module(case), mode.reason)

    def _script(self, case: ScriptCase) -> "_Way":
        async def judge(code: str, sample: int) -> Judged:
            async with self._usual() as pair:
                judged = await judge_script(pair.candidate, case, code, sample=sample)
                return await _seen_alive(pair.candidate, judged)

        return _Way(case.id, "strong", judge, case.canonical_solution)

    def _repository(self, case: RepositoryCase, mode: RepositoryMode) -> "_Way":
        async def judge(code: str, sample: int) -> Judged:
            async with self._place(case) as place:
                judged = await judge_repository(
                    place.sandbox, place.opened, place.case, code, mode, sample=sample
                )
                return await _seen_alive(place.sandbox, judged)

        async def judge_in_image(code: str, sample: int) -> Judged:
            try:
                return await judge(code, sample)
            except BackendMissing as error:  # it was there when the case was looked at
                return Judged(_unjudged(case, str(error)).model_copy(update={"sample": sample}))

        way = judge if case.image is None else judge_in_image
        return _Way(case.id, mode.strength, way, case.gold_patch, mode.reason)

    @contextlib.asynccontextmanager
    async def _usual(self) -> AsyncIterator[Pair]:
        """The sandboxes of cases without an image; where they stop working the next sample gets new ones."""
        pair = await self.sandboxes()
        try:
            yield pair
        except SandboxBroken:
            async with self._opening:
                if self._pair is pair:
                    self._pair = None
            raise

    @contextlib.asynccontextmanager
    async def _place(self, case: RepositoryCase) -> AsyncIterator[Place]:
        """Where a repository's case is judged."""
        if case.image is not None:
            async with self._images.use(case) as place:
                yield place
        else:
            async with self._usual() as pair:
                yield Place(case, pair.candidate, self._open)

    async def _try(self, way: "_Way", code: str, sample: int) -> Judged:
        for _ in range(_REOPENINGS):
            try:
                return await way.judge(code, sample)
            except SandboxBroken as error:
                reason = str(error)
        verdict = Verdict(
            id=way.case, sample=sample, verdict="error", strength=way.strength, detail=one_line(reason)
        )
        return Judged(verdict, incomplete=True)

    async def _is_sound(self, way: "_Way") -> bool:
        """Whether a solution that is known to be good passes here and now."""
        if way.good is None:
            way = self._function(_KNOWN_GOOD, Mode(how="apart"))
        async with self._turns.shared():
            judged = await self._try(way, way.good or "", 0)
        return judged.verdict.verdict == "passed"

    async def sandboxes(self) -> Pair:
        """Where samples are judged; opened anew where they stopped working."""
        async with self._opening:
            if self._pair is None:
                opened = [
                    await self._stack.enter_async_context(open_sandbox(self._policy, backend=self._backend))
                    for _ in range(2)
                ]
                candidate, checker = opened
                self._pair = Pair(candidate, Candidates(candidate), Checkers(checker))
            return self._pair


@dataclass(frozen=True, slots=True)
class _Way:
    """How one case is judged."""

    case: str
    strength: Strength
    judge: Callable[[str, int], Awaitable[Judged]]
    """An answer, and its number."""
    good: str | None
    """An answer that is known to be right."""
    reason: str = ""
    """Why verdicts aren't stronger."""


def _unjudged(case: Case, reason: str) -> Verdict:
    return Verdict(id=case.id, sample=0, verdict="infrastructure", strength="weaker", detail=one_line(reason))


async def _seen_alive(sandbox: Sandbox, judged: Judged) -> Judged:
    """A verdict for which nobody but the candidate is to blame.

    Raises:
        SandboxBroken: it may be the sandbox that died.
    """
    if judged.died:
        await sandbox.run(_NOTHING, fresh=True)
    return judged


async def _seen_among_twins(
    mode: RepositoryMode, sandbox: Sandbox, opened: Open | None, case: RepositoryCase
) -> RepositoryMode:
    """The mode once the case's own patch has passed by it; without twins where it doesn't."""
    if not any(mode.twins.values()):
        return mode
    judged = await judge_repository(sandbox, opened, case, case.gold_patch or "", mode)
    if judged.verdict.verdict in ("passed", "suspicious"):
        return mode.model_copy(update={"tripped": mode.tripped | {*judged.verdict.tripped}})
    # In another order its own patch may fail: nobody else's is judged by chance.
    reason = f"its own patch fails among twins: {judged.verdict.detail}"[:500]
    return mode.model_copy(update={"how": "plain", "twins": {}, "reason": reason})


@contextlib.asynccontextmanager
async def open_judge(
    suite: Suite,
    *,
    backend: str = "auto",
    python: Path | None = None,
    memory_mb: int = 512,
    image: str | None = None,
    cache: Path | None = None,
) -> AsyncIterator[Judge]:
    """A judge for the cases of a suite, for as long as the block lasts.

    Args:
        python: the interpreter that candidates and tests get.
        memory_mb: of each of both processes.
        image: of Docker, for cases that name none; None is the one that `coder sandbox build` makes.
        cache: a folder where what was found of each case is kept for the next time.

    Raises:
        BackendMissing: there is no sandbox on this machine; the message says what helps.
    """
    if python is None and any(isinstance(case, RepositoryCase) for case in suite.cases):
        python = find_interpreter(
            None, Path.cwd(), os.environ
        ).path  # the one with pytest and what the cases need
    longest = max((case.timeout_s for case in suite.cases), default=10.0)
    policy = Policy(
        python=python,
        memory_mb=memory_mb,
        image=image,
        cpu_s=longest + 2,
        wall_s=3 * longest + 10,
        output_bytes=1 << 16,
    )
    about = (suite.digest, str(python), backend, *([image] if image else []))
    known = KnownModes(cache, *about) if cache is not None else None
    judge = Judge(policy, backend, known)
    try:
        yield judge
        if known is not None:
            known.save()
    finally:
        await judge.close()
