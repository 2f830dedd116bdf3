"""How each case is judged: fixed before any answer to it is seen, and found once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.judge.candidate_tree import gold_tree
from benchmarks.judge.check_sources import canonical_module
from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.function import find_mode, judge_function
from benchmarks.judge.image_cases import Place
from benchmarks.judge.imported import found_elsewhere
from benchmarks.judge.isolated_check import Open, top_modules
from benchmarks.judge.judging_sandboxes import Places
from benchmarks.judge.mode import KnownModes, Mode
from benchmarks.judge.pinning import find_repository_mode
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.repository_mode import RepositoryMode
from benchmarks.judge.script import judge_script
from benchmarks.judge.verdicts import Judged, one_line
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase
from benchmarks.suites.patch import PatchRefused, touched
from benchmarks.verdict import Strength, Verdict
from sandbox import PythonCode, Sandbox
from sandbox.errors import BackendMissing, SandboxBroken, SandboxError

_NOTHING = PythonCode(source="")
_TRIES = 3
"""Of a case's own patch among twins: once more for what it trips, and once more without what is apart."""


@dataclass(frozen=True, slots=True)
class CasePlan:
    """How one case is judged."""

    case: str
    strength: Strength
    judge: Callable[[str, int], Awaitable[Judged]]
    """An answer, and its number."""
    good: str | None
    """An answer that is known to be right."""
    reason: str = ""
    """Why verdicts aren't stronger."""


class CasePlans:
    """Of the cases of one suite."""

    def __init__(self, places: Places, turns: Exclusive, known: KnownModes | None) -> None:
        self._places, self._turns, self._known = places, turns, known
        self._modes: dict[str, asyncio.Task[Mode]] = {}
        self._repositories: dict[str, asyncio.Task[RepositoryMode]] = {}

    async def of(self, case: Case) -> CasePlan | Verdict:
        """How a case is judged; for one that nobody can judge, the verdict on all of its samples."""
        match case:
            case FunctionCase():
                mode = await self.mode(case)
                if mode.how != "broken":
                    return self.by_mode(case, mode)
                reason = mode.reason
            case ScriptCase():
                return self._script(case)
            case RepositoryCase():
                found = await self.repository_mode(case)
                if found.how != "broken":
                    return self._repository(case, found)
                reason = found.reason
        return _unjudged(case, reason)

    async def mode(self, case: FunctionCase) -> Mode:
        """How a function's case is judged; found once."""
        if case.id not in self._modes:
            self._modes[case.id] = asyncio.create_task(self._find_mode(case))
        return await asyncio.shield(self._modes[case.id])

    async def repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        """How a repository's case is judged; found once."""
        if case.id not in self._repositories:
            self._repositories[case.id] = asyncio.create_task(self._find_repository_mode(case))
        return await asyncio.shield(self._repositories[case.id])

    def by_mode(self, case: FunctionCase, mode: Mode) -> CasePlan:
        """The way of a function's case whose mode is known."""

        async def judge(code: str, sample: int) -> Judged:
            async with self._places.shared() as pair:
                judged = await judge_function(pair, case, code, mode, sample=sample)
                return await seen_alive(pair.candidate, judged)

        return CasePlan(case.id, mode.strength, judge, canonical_module(case), mode.reason)

    async def close(self) -> None:
        """End what is still being found."""
        tasks = [*self._modes.values(), *self._repositories.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find_mode(self, case: FunctionCase) -> Mode:
        known = self._known.get(case.id) if self._known is not None else None
        mode = known if isinstance(known, Mode) else await self._new_mode(case)
        if self._known is not None:
            self._known.put(case.id, mode)
        return mode

    async def _new_mode(self, case: FunctionCase) -> Mode:
        async with self._turns.shared():
            mode = await find_mode(await self._places.pair(), case)
        if mode.how in ("shared_process", "broken"):  # for want of time, perhaps: it has to fail again
            async with self._turns.quiet():
                return await find_mode(await self._places.pair(), case)
        return mode

    async def _find_repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        if self._known is None or case.image is not None:  # an image may change under its name
            return await self._new_repository_mode(case)
        known = self._known.get(case.id)
        mode = known if isinstance(known, RepositoryMode) else await self._new_repository_mode(case)
        self._known.put(case.id, mode)
        return mode

    async def _new_repository_mode(self, case: RepositoryCase) -> RepositoryMode:
        async with self._turns.shared():
            if case.image is None:
                pair = await self._places.pair()
                mode = await find_repository_mode(pair.candidate, self._places.open, case)
                return await _seen_among_twins(mode, pair.candidate, self._places.open, case)
            try:
                async with self._places.of(case) as place:
                    mode = await find_image_mode(place)
                    return await _seen_among_twins(mode, place.sandbox, place.opened, place.case)
            except (SandboxError, PatchRefused) as error:  # others go on
                return RepositoryMode(how="broken", reason=str(error))

    def _script(self, case: ScriptCase) -> CasePlan:
        async def judge(code: str, sample: int) -> Judged:
            async with self._places.shared() as pair:
                judged = await judge_script(pair.candidate, case, code, sample=sample)
                return await seen_alive(pair.candidate, judged)

        return CasePlan(case.id, "strong", judge, case.canonical_solution)

    def _repository(self, case: RepositoryCase, mode: RepositoryMode) -> CasePlan:
        async def judge(code: str, sample: int) -> Judged:
            async with self._places.of(case) as place:
                judged = await judge_repository(
                    place.sandbox, place.opened, place.case, code, mode, sample=sample
                )
                return await seen_alive(place.sandbox, judged)

        async def judge_in_image(code: str, sample: int) -> Judged:
            try:
                return await judge(code, sample)
            except BackendMissing as error:  # it was there when the case was looked at
                return Judged(_unjudged(case, str(error)).model_copy(update={"sample": sample}))

        way = judge if case.image is None else judge_in_image
        return CasePlan(case.id, mode.strength, way, case.gold_patch, mode.reason)


def _unjudged(case: Case, reason: str) -> Verdict:
    return Verdict(id=case.id, sample=0, verdict="infrastructure", strength="weaker", detail=one_line(reason))


async def seen_alive(sandbox: Sandbox, judged: Judged) -> Judged:
    """A verdict for which nobody but the candidate is to blame.

    Raises:
        SandboxBroken: it may be the sandbox that died.
    """
    if judged.died:
        seen = await sandbox.run(_NOTHING, fresh=True)
        if not seen.ok:  # a program that died along may be told before the end of its sandbox is
            raise SandboxBroken(f"A program that does nothing ended as {seen.status} where a candidate died.")
    return judged


async def _seen_among_twins(
    mode: RepositoryMode, sandbox: Sandbox, opened: Open | None, case: RepositoryCase
) -> RepositoryMode:
    """The mode once the case's own patch has passed by it; without twins where it doesn't."""
    if not any(mode.twins.values()):
        return mode
    for _ in range(_TRIES):
        judged = await judge_repository(sandbox, opened, case, case.gold_patch or "", mode)
        tripped = mode.tripped | {*judged.verdict.tripped}
        if judged.verdict.verdict == "passed":
            return mode
        if judged.verdict.verdict != "suspicious" or (tripped == mode.tripped and not mode.apart):
            break
        apart = mode.apart if tripped > mode.tripped else ()
        mode = mode.model_copy(update={"tripped": tripped, "apart": apart})
    # In another order its own patch may fail: nobody else's is judged by chance.
    reason = f"its own patch fails among twins: {judged.verdict.detail}"[:500]
    return mode.model_copy(update={"how": "plain", "twins": {}, "reason": reason})


_TEST_TOOL = ("pytest", "_pytest")


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
    tool = next((name for name in _TEST_TOOL if name in names), None)
    if tool is not None:
        return f"it is a change of {tool}, which runs the tests here"
    elsewhere = await found_elsewhere(
        place.sandbox, files, names, roots=[".", case.pythonpath], environment=case.environment
    )
    patched = _patched_modules(case)
    for name, where in elsewhere.items():
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
