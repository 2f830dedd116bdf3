"""Judge a Harbor task apart: its tests run in a fresh container, to which the agent's changes are applied.

The agent's container is stopped first, so that none of its processes lives while tests run. The fresh
container gets the changes of the work folder alone; if its tests then fail, other changes are added, and the
verdict says so. A passing answer is run once more as its twin, which has to fail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.harbor.applying import begin_changes, read_files
from benchmarks.harbor.archive_reader import ChangedPath
from benchmarks.harbor.carried import DividedChanges, divide
from benchmarks.harbor.changes import ContainerChanges
from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.container_files import File
from benchmarks.harbor.history import find_in_history
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.patch import MAX_FILE_BYTES, shown_files, write_patch
from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.twin import FORMS, OwnWork, begin_twin, own_work, within_own_work
from benchmarks.harbor.verifier import Judged, Verifier, run_tests
from benchmarks.verdict import Strength
from sandbox.docker.engine import Engine

_TWIN_TIMES = 3.0
_TWIN_MORE_S = 10.0
_PTH_BYTES = 1 << 16
_MAX_FOLDERS = 256
"""Compare at most this many folders with the image's; further folders count as changed."""
_Changes = Sequence[ChangedPath]


async def judge_apart(
    engine: Engine,
    recipe: HarborRecipe,
    verifier: Verifier,
    changes: ContainerChanges,
    *,
    agent_recipe: HarborRecipe | None = None,
    oracle_needs_deciding: bool = False,
    own: OwnWork | None = None,
    is_solution: bool = False,
) -> Judged:
    """Judge an agent's changes in fresh containers.

    Args:
        agent_recipe: recipe of the agent's container, if it isn't `recipe`.
        oracle_needs_deciding: whether the task's own solution passes only with changes of programs, libraries
            or startup files; otherwise an answer that passes only with them is `suspicious`.
        own: what the task's own solution changes. An answer that passes with results withheld in these places
            is `suspicious`; one that needs more of the work folder than these places is `apart-work`.
        is_solution: whether the changes are those of the task's own solution; then its work is determined.

    Raises:
        SandboxBroken: the engine failed, or the changes could not be applied.
    """
    judging = _Judging(engine, recipe, verifier, changes, agent_recipe or recipe)
    judged, chosen = await judging.passes(own, oracle_needs_deciding=oracle_needs_deciding)
    if judged.outcome == "passed" and is_solution:
        judged = await judging.with_own_work(judged, chosen)
    elif judged.outcome == "passed" and own is not None:
        judged = await judging.beside_twin(judged, chosen, own)
    elif (
        own is None and not is_solution and judged.strength == "apart"
    ):  # nothing says what of the work folder the task needs
        judged = judged.model_copy(update={"strength": "apart-work"})
    return judged.model_copy(update={"left_out": changes.left_out, "patch": judging.patch})


@dataclass(slots=True)
class _Judging:
    """Changes of one answer, and where they are judged."""

    engine: Engine
    recipe: HarborRecipe
    verifier: Verifier
    changes: ContainerChanges
    agent_recipe: HarborRecipe
    patch: str = ""

    async def passes(self, own: OwnWork | None, *, oracle_needs_deciding: bool) -> tuple[Judged, _Changes]:
        """Return the strongest passing verdict, else the last one, and the changes applied for it."""
        async with open_container(self.engine, self.recipe) as container:
            before = await container.read_entries(_compared(self.changes), max_bytes=MAX_FILE_BYTES)
            parts = await self._divide(container, before)
            self.patch = await write_patch(before, self.changes)
            judged = await self._tests_in(container, parts.work)
        if judged.outcome == "passed":
            return await self._with_least(judged, parts.work, own)
        chosen: _Changes = parts.work
        for chosen, is_last in _wider(self.changes, parts) if parts.outside else ():
            async with open_container(self.engine, self.recipe) as container:
                judged = await self._tests_in(container, chosen)
            applied = {change.path for change in chosen}
            outside = tuple(item for item in parts.outside if item.path in applied)
            judged = judged.model_copy(update={"strength": "apart-system", "outside": outside})
            if judged.outcome == "passed":
                needs_deciding = is_last and bool(parts.deciding)
                judged = _weigh(judged, needs_deciding=needs_deciding, is_usual=oracle_needs_deciding)
                break
        return judged, chosen

    async def with_own_work(self, judged: Judged, chosen: _Changes) -> Judged:
        """Return the verdict with the solution's work, and with the form of twin for which the tests fail."""
        inside = [change for change in chosen if change.path not in {item.path for item in judged.outside}]
        own = own_work(inside, self.changes.unchanged)
        if not own.paths:
            own = own_work(chosen, self.changes.unchanged)
        is_same = self.agent_recipe == self.recipe
        if not is_same:
            async with open_container(self.engine, self.agent_recipe) as container:
                own = await self._with_history(container, own)
        for form in FORMS:
            async with open_container(self.engine, self.recipe) as container:
                if is_same and form == FORMS[0]:
                    own = await self._with_history(container, own)
                tried = own.model_copy(update={"form": form})
                if not await self._twin_passes(container, judged, chosen, tried):
                    return judged.model_copy(update={"own": tried})
        return judged.model_copy(update={"own": own})

    async def _with_history(self, container: HarborContainer, own: OwnWork) -> OwnWork:
        """Search git history in a fresh container, which stays unchanged; return the work with the result."""
        in_history = await find_in_history(container, self.changes, own.files)
        return own.model_copy(update={"in_history": in_history})

    async def beside_twin(self, judged: Judged, chosen: _Changes, own: OwnWork) -> Judged:
        """Return the verdict: `weak` if no twin fails, `suspicious` if this answer's twin passes."""
        if own.form is None:
            detail = f"{judged.detail}; the tests pass without the work of the task's own solution, too"
            return judged.model_copy(update={"strength": "weak", "detail": detail})
        async with open_container(self.engine, self.recipe) as container:
            is_missed = await self._twin_passes(container, judged, chosen, own)
        if not is_missed:
            return judged
        detail = (
            "it passed even with no results from what the task's own solution changes: "
            f"{', '.join(sorted(own.paths)[:8])}"
        )
        return judged.model_copy(update={"outcome": "suspicious", "detail": detail})

    async def _with_least(
        self, judged: Judged, work: _Changes, own: OwnWork | None
    ) -> tuple[Judged, _Changes]:
        """Return the verdict with only the own solution's paths applied if it passes, else `apart-work`."""
        if own is None:
            return judged, work
        wider: Strength = "apart-work"
        least = within_own_work(work, own)
        if {change.path for change in work} - {change.path for change in least} - self.changes.unchanged:
            async with open_container(self.engine, self.recipe) as container:
                narrow = await self._tests_in(container, least)
            if narrow.outcome != "passed":
                return judged.model_copy(update={"strength": wider}), work
            judged = narrow
        return judged, least

    async def _twin_passes(
        self, container: HarborContainer, judged: Judged, chosen: _Changes, own: OwnWork
    ) -> bool:
        begun = await begin_twin(container, self.changes, chosen, own)
        limit = min(self.verifier.timeout_s, judged.wall_s * _TWIN_TIMES + _TWIN_MORE_S)
        return (await run_tests(container, self.verifier, begun, timeout_s=limit)).outcome == "passed"

    async def _tests_in(self, container: HarborContainer, chosen: _Changes) -> Judged:
        return await run_tests(container, self.verifier, await begin_changes(container, self.changes, chosen))

    async def _divide(self, container: HarborContainer, before: Mapping[str, File]) -> DividedChanges:
        return divide(
            self.changes,
            workdir=container.workdir,
            artifacts=self.verifier.artifacts,
            path=container.path,
            before=before,
            commands=await container.commands(),
            plain=self._plain(),
        )

    def _plain(self) -> frozenset[str]:
        """Return new .pth files without code for `site`, such as those of editable installations."""
        paths = [
            change.path
            for change in self.changes.items
            if change.path.endswith(".pth") and (change.kind, change.type) == ("added", "file")
        ]
        files = read_files(self.changes, paths, max_bytes=_PTH_BYTES)
        return frozenset(
            path for path, (_, content) in files.items() if content is not None and b"import" not in content
        )


def _wider(changes: ContainerChanges, parts: DividedChanges) -> list[tuple[_Changes, bool]]:
    """Return wider choices of changes, and whether each has all: first without deciding changes, then all."""
    deciding_paths = {change.path for change in parts.deciding}
    kept = {change.path for change in (*parts.work, *parts.harmless)}
    without = [change for change in changes.items if change.path in kept]
    every = [change for change in changes.items if change.path in kept | deciding_paths]
    if not parts.deciding:
        return [(every, True)]
    return [(without, False), (every, True)] if parts.harmless else [(every, True)]


def _weigh(judged: Judged, *, needs_deciding: bool, is_usual: bool) -> Judged:
    update: dict[str, object] = {"needs_deciding": needs_deciding}
    decisive_items = [str(item) for item in judged.outside if item.role]
    if needs_deciding and not is_usual:
        update["outcome"] = "suspicious"
        update["detail"] = (
            "it passed only with changes that decide how the tests' own programs run, and the task's own "
            f"solution needs none: {', '.join(decisive_items[:8])}"
        )
    elif needs_deciding:
        update["detail"] = f"changes that decide how programs run: {', '.join(decisive_items[:8])}"
    return judged.model_copy(update=update)


def _compared(changes: ContainerChanges) -> list[str]:
    """Return the paths to compare with the image's: changed folders, and files that the patch shows."""
    folders = [item.path for item in changes.items if item.type == "folder" and item.kind == "changed"]
    return [*folders[:_MAX_FOLDERS], *(each.path for each in shown_files(changes) if each.kind != "added")]
