"""Plan how each case is judged, once, before answers are judged."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.harbor.judging import find_harbor_mode
from benchmarks.harbor.mode import HarborMode
from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.function import find_mode
from benchmarks.judge.judging_sandboxes import JudgingSandboxes, find_image_mode
from benchmarks.judge.mode import KnownModes, Mode, RepositoryMode, canonical_module
from benchmarks.judge.pinning import find_repository_mode
from benchmarks.judge.verdicts import MAX_DETAIL
from benchmarks.suite import Case, FunctionCase, HarborCase, RepositoryCase, ScriptCase, UnreadableCase
from benchmarks.suites.patch import PatchRefused
from benchmarks.verdict import Strength
from coder.base.text.sanitize import one_line
from sandbox.errors import FileRefused, SandboxError


@dataclass(frozen=True, slots=True)
class CasePlan:
    """Plan for judging one case: its mode and the strength of verdicts."""

    case: Case
    mode: Mode | RepositoryMode | HarborMode | None = None
    """None if the case is a script."""

    @property
    def strength(self) -> Strength | None:
        """Strength of verdicts; None if the case can't be judged: each verdict is then `infrastructure`."""
        if self.mode is None:
            return "strong"
        return None if self.mode.how == "broken" else self.mode.strength

    @property
    def reason(self) -> str:
        """Reason why verdicts aren't stronger; empty if there is none."""
        return one_line(self.mode.reason, width=MAX_DETAIL) if self.mode is not None else ""

    @property
    def own_s(self) -> float:
        """CPU seconds that a function's canonical answer takes; 0 if unknown."""
        return self.mode.cpu_s if isinstance(self.mode, Mode) else 0.0

    @property
    def good(self) -> str | None:
        """Canonical answer of the case; None if there is none."""
        match self.case:
            case FunctionCase() as case:
                return canonical_module(case)
            case (
                RepositoryCase(gold_patch=answer)
                | ScriptCase(canonical_solution=answer)
                | HarborCase(solution=answer)
            ):
                return answer
            case UnreadableCase():
                return None


class CasePlans:
    """Makes and caches the plans of one suite's cases."""

    def __init__(self, sandboxes: JudgingSandboxes, turns: Exclusive, cache: KnownModes | None) -> None:
        self.judging_sandboxes, self._turns, self._cache = sandboxes, turns, cache
        self._modes: dict[str, asyncio.Task[Mode | RepositoryMode]] = {}
        self._harbor_modes: dict[str, asyncio.Task[HarborMode]] = {}

    async def plan(self, case: Case) -> CasePlan:
        """Plan how a case is judged."""
        unlimited_case = case.model_copy(update={"wall_s": None})  # a plan is for tries of any length
        match unlimited_case:
            case FunctionCase():
                return CasePlan(case, await self.mode(unlimited_case))
            case RepositoryCase():
                return CasePlan(case, await self.repository_mode(unlimited_case))
            case HarborCase():
                return CasePlan(case, await self.harbor_mode(unlimited_case))
            case ScriptCase():
                return CasePlan(case)
            case UnreadableCase():
                return CasePlan(case, Mode(how="broken", reason=unlimited_case.reason))

    async def mode(self, case: FunctionCase) -> Mode:
        """Find the mode in which a function case is judged."""
        mode = await self._find_once(case, lambda: self._function_mode(case))
        assert isinstance(mode, Mode)
        return mode

    async def repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        """Find the mode in which a repository case is judged."""
        mode = await self._find_once(case, lambda: self._new_repository_mode(case))
        assert isinstance(mode, RepositoryMode)
        return mode

    async def harbor_mode(self, case: HarborCase) -> HarborMode:
        """Find the mode of a Harbor task by running its own solution; concurrent callers share the result."""

        async def find() -> HarborMode:
            return await find_harbor_mode(await self.judging_sandboxes.engine(), case.folder)

        if case.id not in self._harbor_modes:
            self._harbor_modes[case.id] = asyncio.create_task(find())
        return await asyncio.shield(self._harbor_modes[case.id])

    def forget(self) -> None:
        """Forget all plans; running searches end by themselves."""
        self._modes.clear()
        self._harbor_modes.clear()

    async def close(self) -> None:
        """Cancel pending searches."""
        searches = (*self._modes.values(), *self._harbor_modes.values())
        for task in searches:
            task.cancel()
        await asyncio.gather(*searches, return_exceptions=True)

    async def _find_once(
        self, case: Case, find: Callable[[], Awaitable[Mode | RepositoryMode]]
    ) -> Mode | RepositoryMode:
        """Find the mode of a case with one search; concurrent callers share the result."""

        async def load_or_find() -> Mode | RepositoryMode:
            has_image = (
                isinstance(case, RepositoryCase) and case.image is not None
            )  # cached under the image's name
            if self._cache is None or has_image:
                return await find()
            mode = self._cache.get(case.id) or await find()
            self._cache.put(case.id, mode)
            return mode

        if case.id not in self._modes:
            self._modes[case.id] = asyncio.create_task(load_or_find())
        return await asyncio.shield(self._modes[case.id])

    async def _function_mode(self, case: FunctionCase) -> Mode:
        async with self._turns.shared():
            mode = await find_mode(await self.judging_sandboxes.pair(), case)
        if mode.how in ("shared_process", "broken"):  # perhaps from lack of time: require a second failure
            async with self._turns.quiet():
                return await find_mode(await self.judging_sandboxes.pair(), case)
        return mode

    async def _new_repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        async with self._turns.shared():
            try:
                if case.image is None and case.runner == "pytest":
                    pair = await self.judging_sandboxes.pair()
                    return await find_repository_mode(pair.candidate, self.judging_sandboxes.lend, case)
                async with self.judging_sandboxes.of(case) as place:
                    return await find_image_mode(place)
            except (SandboxError, PatchRefused) as error:  # other cases continue
                if case.image is None and not isinstance(error, FileRefused):
                    raise
                return RepositoryMode(how="broken", reason=str(error))
