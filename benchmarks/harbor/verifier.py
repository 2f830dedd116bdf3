"""Run the tests of a Harbor task in a container, and read the reward that they leave."""

import io
import tarfile
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from benchmarks.harbor.carried import OutsideChange
from benchmarks.harbor.container import ContainerEnded, HarborContainer
from benchmarks.harbor.container_files import Write, write_entries
from benchmarks.harbor.input_tree import excluded_in
from benchmarks.harbor.reward import OUTPUT, Reward, read_results
from benchmarks.harbor.twin import OwnWork
from benchmarks.verdict import Outcome, Strength
from coder.base.text.sanitize import printable
from sandbox.result import Value

_MAX_OUTPUT = 64 << 10
_READY = "rm -rf /logs/verifier; chmod +x /tests/test.sh"
_READY_S = 60.0
_LOGS = ("logs", "logs/agent", "logs/verifier", "logs/artifacts")


@dataclass(frozen=True, slots=True)
class Verifier:
    """Tests of a task, and the settings of their run."""

    tests: tuple[Path, ...]
    """Folders to copy to /tests; later ones overwrite earlier ones. Empty if the image has the tests."""
    timeout_s: float
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    artifacts: tuple[str, ...] = ()
    """Absolute paths that the task declares as its results, in addition to its work folder."""


class Judged(Value):
    """Result of a task's tests, and the changes with which they ran."""

    outcome: Outcome
    strength: Strength
    reward: Reward | None = None
    """None if the verifier left no reward, which is an error."""
    detail: str = ""
    output: str = ""
    """End of the verifier's stdout and stderr."""
    outside: tuple[OutsideChange, ...] = ()
    """Changes outside the work folder that were applied."""
    patch: str = ""
    """All changes of the agent's container, for people; empty if they weren't read."""
    left_out: tuple[str, ...] = ()
    """Changed paths that could not be applied: devices, pipes, sockets."""
    needs_deciding: bool = False
    """Whether the answer passed only with changes that affect how the verifier's own programs run."""
    own: OwnWork | None = None
    """Paths of the task's work, if they were to be determined."""
    wall_s: float = 0.0
    steps: tuple["Judged", ...] = ()
    """Results of the steps of a task with `[[steps]]`."""


async def judge_shared(
    container: HarborContainer, verifier: Verifier, *, ends_container: bool = True
) -> Judged:
    """Run the tests in the agent's own container, beside its running processes; the verdict is `weak`."""
    judged = await run_tests(container, verifier, ends_container=ends_container)
    return judged.model_copy(update={"strength": "weak"})


async def run_tests(
    container: HarborContainer,
    verifier: Verifier,
    begun: Sequence[Write] = (),
    *,
    timeout_s: float | None = None,
    ends_container: bool = True,
) -> Judged:
    """Run the tests in a container. Raises SandboxBroken.

    Args:
        begun: functions that write the changes to judge, before the tests are written.
        timeout_s: time limit; None for the task's own limit.
        ends_container: whether to end the container's processes before the reward is read.
    """
    timeout_s, started = timeout_s or verifier.timeout_s, time.monotonic()
    try:
        if not verifier.tests:
            await container.run(["sh", "-c", _READY], timeout_s=_READY_S, user="0")
        tests = (write_folder(folder, "tests") for folder in verifier.tests or (None,))
        await container.put(*begun, *tests)
        ended = await container.run(
            ["/tests/test.sh"],
            timeout_s=timeout_s,
            environment=verifier.environment,
            user=verifier.user,
            log=OUTPUT,
        )
    except ContainerEnded as error:  # it ran before the answer's changes were applied
        return Judged(outcome="error", strength="apart", detail=f"no tests ran: {error}")
    if ends_container:
        await container.kill()  # what tests left running can't change the reward while it is read
    reward, output = await read_results(container, max_output=_MAX_OUTPUT)
    judged = Judged(
        outcome="error",
        strength="apart",
        output=printable(output.decode(errors="replace")).strip(),
        wall_s=time.monotonic() - started,
    )
    if ended.timed_out:
        detail = f"the verifier took longer than {timeout_s:g} s"
        return judged.model_copy(update={"outcome": "timeout", "detail": detail})
    if reward is None:
        detail = f"the verifier left no reward (exit code {ended.exit_code})"
        return judged.model_copy(update={"detail": detail})
    outcome = "passed" if reward.passed else "failed"
    return judged.model_copy(update={"outcome": outcome, "reward": reward, "detail": str(reward)})


async def put_folder(container: HarborContainer, folder: Path | None, name: str) -> None:
    """Put a folder of the task, if any, at the container's root, and create the folders of logs."""
    await container.put(write_folder(folder, name))


async def put_files(container: HarborContainer, source: Path, target: str) -> None:
    """Put a file, or the files of a folder, into the container; other files there stay unchanged."""
    await container.put(write_entries(_entries(source, target.strip("/"))))


def write_folder(folder: Path | None, name: str) -> Write:
    """Return a function that writes a folder of the task, if any, and the folders of logs."""
    entries = [(_folder(path), b"") for path in _LOGS]
    if folder is None:
        return write_entries(entries)
    root = tarfile.TarInfo(name)
    root.type, root.mode = tarfile.DIRTYPE, 0o755
    return write_entries(chain(entries, [(root, b"")], _entries(folder, name, excluded=excluded_in(folder))))


def _entries(
    folder: Path, name: str, *, excluded: Container[str] = ()
) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    with io.BytesIO() as buffer, tarfile.open(fileobj=buffer, mode="w") as blank:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            place = "" if path == folder else path.relative_to(folder).as_posix()
            if place in excluded:
                continue
            entry = blank.gettarinfo(path, f"{name}/{place}".strip("/"))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            if entry.islnk():
                entry.type, entry.linkname = tarfile.REGTYPE, ""
            if path.suffix == ".sh":
                entry.mode |= 0o755
            yield entry, path.read_bytes() if entry.isreg() else b""


def _folder(path: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o777
    return entry
