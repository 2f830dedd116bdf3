"""How each case is judged: fixed before any answer to it is seen, and found once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.judge.check_sources import canonical_module
from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.function import find_mode, judge_function
from benchmarks.judge.image_cases import find_image_mode
from benchmarks.judge.judging_sandboxes import Places
from benchmarks.judge.mode import KnownModes, Mode
from benchmarks.judge.pinning import find_repository_mode
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.repository_mode import RepositoryMode
from benchmarks.judge.script import judge_script
from benchmarks.judge.verdicts import Judged, one_line
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase
from benchmarks.suites.patch import PatchRefused
from benchmarks.verdict import Strength, Verdict
from sandbox import PythonCode, Sandbox
from sandbox.errors import BackendMissing, SandboxBroken, SandboxError

_NOTHING = PythonCode(source="")


@dataclass(frozen=True, slots=True)
class CasePlan:
    """How one case is judged."""

    case: str
    strength: Strength | None
    """Of verdicts; None where the case can't be judged: each verdict is `infrastructure`."""
    judge: Callable[[str, int], Awaitable[Judged]]
    """An answer, and its number."""
    good: str | None = None
    """An answer that is known to be right."""
    reason: str = ""
    """Why verdicts aren't stronger."""


class CasePlans:
    """Of the cases of one suite."""

    def __init__(self, places: Places, turns: Exclusive, known: KnownModes | None) -> None:
        self._places, self._turns, self._known = places, turns, known
        self._modes: dict[str, asyncio.Task[Mode | RepositoryMode]] = {}

    async def plan(self, case: Case) -> CasePlan:
        """How a case is judged."""
        match case:
            case FunctionCase():
                return self.by_mode(case, await self.mode(case))
            case RepositoryCase():
                return self._repository(case, await self.repository_mode(case))
            case ScriptCase():
                return self._script(case)

    async def mode(self, case: FunctionCase) -> Mode:
        """How a function's case is judged."""
        found = await self._found(case, lambda: self._function_mode(case))
        assert isinstance(found, Mode)
        return found

    async def repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        """How a repository's case is judged."""
        found = await self._found(case, lambda: self._new_repository_mode(case))
        assert isinstance(found, RepositoryMode)
        return found

    def by_mode(self, case: FunctionCase, mode: Mode) -> CasePlan:
        """The plan of a function's case whose mode is known."""

        async def judge(code: str, sample: int) -> Judged:
            async with self._places.shared() as pair:
                judged = await judge_function(pair, case, code, mode, sample=sample)
                return await seen_alive(pair.candidate, judged)

        if mode.how == "broken":
            return _no_plan(case, mode.reason)
        return CasePlan(case.id, mode.strength, judge, canonical_module(case), mode.reason)

    async def close(self) -> None:
        """End what is still being found, and the sandboxes."""
        for task in self._modes.values():
            task.cancel()
        await asyncio.gather(*self._modes.values(), return_exceptions=True)
        await self._places.close()

    async def _found(
        self, case: Case, find: Callable[[], Awaitable[Mode | RepositoryMode]]
    ) -> Mode | RepositoryMode:
        """Find it once, however many ask."""

        async def known_or_new() -> Mode | RepositoryMode:
            changes = isinstance(case, RepositoryCase) and case.image is not None  # under the image's name
            if self._known is None or changes:
                return await find()
            mode = self._known.get(case.id) or await find()
            self._known.put(case.id, mode)
            return mode

        if case.id not in self._modes:
            self._modes[case.id] = asyncio.create_task(known_or_new())
        return await asyncio.shield(self._modes[case.id])

    async def _function_mode(self, case: FunctionCase) -> Mode:
        async with self._turns.shared():
            mode = await find_mode(await self._places.pair(), case)
        if mode.how in ("shared_process", "broken"):  # for want of time, perhaps: it has to fail again
            async with self._turns.quiet():
                return await find_mode(await self._places.pair(), case)
        return mode

    async def _new_repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        async with self._turns.shared():
            if case.image is None:
                pair = await self._places.pair()
                return await find_repository_mode(pair.candidate, self._places.open, case)
            try:
                async with self._places.of(case) as place:
                    return await find_image_mode(place)
            except (SandboxError, PatchRefused) as error:  # other cases continue
                return RepositoryMode(how="broken", reason=str(error))

    def _script(self, case: ScriptCase) -> CasePlan:
        async def judge(code: str, sample: int) -> Judged:
            async with self._places.shared() as pair:
                judged = await judge_script(pair.candidate, case, code, sample=sample)
                return await seen_alive(pair.candidate, judged)

        return CasePlan(case.id, "strong", judge, case.canonical_solution)

    def _repository(self, case: RepositoryCase, mode: RepositoryMode) -> CasePlan:
        async def judge(code: str, sample: int) -> Judged:
            try:
                async with self._places.of(case) as place:
                    judged = await judge_repository(
                        place.sandbox, place.opened, place.case, code, mode, sample=sample
                    )
                    return await seen_alive(place.sandbox, judged)
            except BackendMissing as error:
                if case.image is None:
                    raise
                return await _no_plan(case, str(error)).judge(code, sample)  # the image is gone since

        if mode.how == "broken":
            return _no_plan(case, mode.reason)
        return CasePlan(case.id, mode.strength, judge, case.gold_patch, mode.reason)


def _no_plan(case: Case, reason: str) -> CasePlan:
    """Of a case that can't be judged."""

    async def judge(code: str, sample: int) -> Judged:
        detail = one_line(reason)
        return Judged(
            Verdict(id=case.id, sample=sample, verdict="infrastructure", strength="weaker", detail=detail)
        )

    return CasePlan(case.id, None, judge, reason=one_line(reason))


async def seen_alive(sandbox: Sandbox, judged: Judged) -> Judged:
    """A verdict for which the candidate alone is to blame.

    Raises:
        SandboxBroken: it may be the sandbox that died.
    """
    if judged.died:
        seen = await sandbox.run(_NOTHING, fresh=True)
        if not seen.ok:  # a program that died along may be told before the end of its sandbox is
            raise SandboxBroken(f"A program that does nothing ended as {seen.status} where a candidate died.")
    return judged
