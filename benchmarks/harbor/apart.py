"""Judge a Harbor task apart: its tests run in a fresh container, to which the agent's changes are applied.

The agent's container is stopped first, so that none of its processes lives while tests run. The fresh
container gets the changes of the work folder alone; if its tests then fail, other changes are added, and the
verdict says so. `judge_shared` runs the tests beside the agent's living processes, as Harbor does by default.
"""

import asyncio
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.harbor.applying import apply_changes
from benchmarks.harbor.carried import DividedChanges, OutsideChange, divide
from benchmarks.harbor.changes import ChangedPath, ContainerChanges, read_folders
from benchmarks.harbor.container import HarborContainer, open_container, tar_of
from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.reward import OUTPUT, Reward, read_reward
from benchmarks.verdict import Outcome, Strength
from coder.base.text.sanitize import printable
from sandbox.docker.engine import Engine
from sandbox.result import Value

_MAX_OUTPUT = 4000
_LOGS = ("logs", "logs/agent", "logs/verifier", "logs/artifacts")


@dataclass(frozen=True, slots=True)
class Verifier:
    """Tests of a task, and how they run."""

    tests: tuple[Path, ...]
    """Folders with `test.sh`, which become /tests, later ones over earlier ones."""
    timeout_s: float
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    artifacts: tuple[str, ...] = ()
    """Absolute paths that the task declares as its results, beside its work folder."""


class Judged(Value):
    """Result of a task's tests, and what they were run with."""

    outcome: Outcome
    strength: Strength
    reward: Reward | None = None
    """None if the verifier left no reward, which is an error."""
    detail: str = ""
    output: str = ""
    """End of the verifier's stdout and stderr."""
    outside: tuple[OutsideChange, ...] = ()
    """Changes outside the work folder that were applied."""
    left_out: tuple[str, ...] = ()
    """Changed paths that could not be applied: devices, pipes, sockets."""
    needs_deciding: bool = False
    """Whether it passed only with changes that decide how the verifier's own programs run."""


async def judge_apart(
    engine: Engine,
    recipe: HarborRecipe,
    verifier: Verifier,
    changes: ContainerChanges,
    *,
    oracle_needs_deciding: bool = False,
) -> Judged:
    """Judge an agent's changes in fresh containers.

    Args:
        oracle_needs_deciding: whether the task's own solution passes only with changes of programs, libraries
            or startup files; otherwise an answer that passes only with them is `suspicious`.

    Raises:
        SandboxBroken: the engine failed, or the changes could not be applied.
    """
    async with open_container(engine, recipe) as container:
        parts = await _divide(container, verifier, changes)
        judged = await _judge_in(container, verifier, changes, parts.work)
    if judged.outcome == "passed" or not parts.outside:
        return judged.model_copy(update={"left_out": changes.left_out})
    for chosen, is_last in _wider(changes, parts):
        async with open_container(engine, recipe) as container:
            judged = await _judge_in(container, verifier, changes, chosen)
        applied = {change.path for change in chosen}
        judged = judged.model_copy(
            update={
                "strength": "apart-system",
                "outside": tuple(item for item in parts.outside if item.path in applied),
                "left_out": changes.left_out,
            }
        )
        if judged.outcome == "passed":
            needs_deciding = is_last and bool(parts.deciding)
            return _weigh(judged, needs_deciding=needs_deciding, is_usual=oracle_needs_deciding)
    return judged


async def judge_shared(container: HarborContainer, verifier: Verifier) -> Judged:
    """Run the tests in the agent's own container, beside its living processes: a weak verdict."""
    return (await _run_tests(container, verifier)).model_copy(update={"strength": "weak"})


def _wider(changes: ContainerChanges, parts: DividedChanges) -> list[tuple[Sequence[ChangedPath], bool]]:
    """Return further choices of changes: without those that decide how programs run, then all."""
    left = {change.path for change in parts.deciding}
    kept = {change.path for change in (*parts.work, *parts.harmless)}
    without = [change for change in changes.items if change.path in kept]
    every = [change for change in changes.items if change.path in kept | left]
    if not parts.deciding:
        return [(every, True)]
    return [(without, False), (every, True)] if parts.harmless else [(every, True)]


def _weigh(judged: Judged, *, needs_deciding: bool, is_usual: bool) -> Judged:
    update: dict[str, object] = {"needs_deciding": needs_deciding}
    named = [str(item) for item in judged.outside if item.role]
    if needs_deciding and not is_usual:
        update["outcome"] = "suspicious"
        update["detail"] = (
            "it passed only with changes that decide how the tests' own programs run, and the task's own "
            f"solution needs none: {', '.join(named[:8])}"
        )
    elif needs_deciding:
        update["detail"] = f"changes that decide how programs run: {', '.join(named[:8])}"
    return judged.model_copy(update=update)


async def _divide(
    container: HarborContainer, verifier: Verifier, changes: ContainerChanges
) -> DividedChanges:
    changed = [item.path for item in changes.items if item.type == "folder" and item.kind == "changed"]
    return divide(
        changes,
        workdir=container.workdir,
        artifacts=verifier.artifacts,
        path=container.path,
        folders=await read_folders(container, changed),
        commands=await container.commands(),
    )


async def _judge_in(
    container: HarborContainer, verifier: Verifier, changes: ContainerChanges, chosen: Sequence[ChangedPath]
) -> Judged:
    await apply_changes(container, changes, chosen)
    return await _run_tests(container, verifier)


async def _run_tests(container: HarborContainer, verifier: Verifier) -> Judged:
    for folder in verifier.tests:
        await put_folder(container, folder, "tests")
    ended = await container.run(
        ["/tests/test.sh"],
        timeout_s=verifier.timeout_s,
        environment=verifier.environment,
        user=verifier.user,
        log=OUTPUT,
    )
    await container.kill()  # what tests left running can't change the reward while it is read
    output = await container.read_file(OUTPUT, max_bytes=_MAX_OUTPUT) or b""
    judged = Judged(
        outcome="error", strength="apart", output=printable(output.decode(errors="replace")).strip()
    )
    if ended.timed_out:
        detail = f"the verifier took longer than {verifier.timeout_s:g} s"
        return judged.model_copy(update={"outcome": "timeout", "detail": detail})
    reward = await read_reward(container)
    if reward is None:
        detail = f"the verifier left no reward (exit code {ended.exit_code})"
        return judged.model_copy(update={"detail": detail})
    outcome = "passed" if reward.passed else "failed"
    return judged.model_copy(update={"outcome": outcome, "reward": reward, "detail": str(reward)})


async def put_folder(container: HarborContainer, folder: Path | None, name: str) -> None:
    """Put a folder of the task, if any, at the container's root, and make the folders of logs."""
    await container.put(await asyncio.to_thread(_pack, folder, name))


def _pack(folder: Path | None, name: str) -> IO[bytes]:
    entries = [(_folder(path), b"") for path in _LOGS]
    if folder is None:
        return tar_of(entries)
    root = tarfile.TarInfo(name)
    root.type, root.mode = tarfile.DIRTYPE, 0o755
    entries.append((root, b""))
    with io.BytesIO() as buffer, tarfile.open(fileobj=buffer, mode="w") as blank:
        for path in sorted(folder.rglob("*")):
            entry = blank.gettarinfo(path, f"{name}/{path.relative_to(folder).as_posix()}")
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            if entry.islnk():
                entry.type, entry.linkname = tarfile.REGTYPE, ""
            if path.suffix == ".sh":
                entry.mode |= 0o755
            entries.append((entry, path.read_bytes() if entry.isreg() else b""))
    return tar_of(entries)


def _folder(path: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o777
    return entry
