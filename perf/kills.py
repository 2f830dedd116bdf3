"""Kill the owner of sandboxes at a random moment, many times, and count what is left of it 5 s later.

    python -m perf.kills [--times 200] [--backend bubblewrap|docker] [--at-once N] [--seed N]

Each owner opens sandboxes, runs programs that last, fresh ones, endless ones and checks, and is killed with
SIGKILL while it does. This process adopts whatever outlives an owner, so that nothing hides from the count.
"""

import argparse
import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
LONGEST_S, CLEANED_S = 1.5, 5.0
DOCKER_LONGEST_S = 4.0
_OWNER = """
import asyncio, itertools, random, sys
from sandbox import Command, Policy, PythonCode, open_sandbox
from sandbox.verdicts.check import Assertion, check
from sandbox.supervisor.owner import this_process

async def spin(box):
    shell = "while :; do sleep 1; done & while :; do sleep 1; done"
    await box.run(random.choice((Command(argv=("sh", "-c", shell)), PythonCode(source="while True: pass"))))

async def short(box):
    for number in itertools.count():
        await box.run(PythonCode(source="open('kept', 'a').write('x' * 100000)"), fresh=number % 2 == 0)

async def judge(candidate, checker):
    await candidate.write("solution.py", b"def add(a, b):\\n    return a + b\\n")
    while True:
        await check(candidate, checker, [Assertion(source="assert add(2, 3) == 5")])

async def main():
    backend = sys.argv[1]
    while True:
        async with open_sandbox(backend=backend) as box, open_sandbox(backend=backend) as other:
            work = [spin(box), short(box), short(other), judge(box, other)]
            tasks = [asyncio.create_task(one) for one in work]
            await asyncio.wait(tasks, timeout=random.uniform(0.1, 1), return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

print(this_process().mark, flush=True)
asyncio.run(main())
"""


@dataclass(slots=True)
class Left:
    """What was found 5 s after the last kill."""

    kills: int = 0
    processes: list[str] = field(default_factory=list)
    cgroups: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether all is gone."""
        return not any((self.processes, self.cgroups, self.mounts, self.files, self.locks, self.containers))

    def __str__(self) -> str:
        counts = {name: len(getattr(self, name)) for name in self.__slots__ if name != "kills"}
        return f"{self.kills} kills; left: " + ", ".join(f"{count} {name}" for name, count in counts.items())


def kill_owners(times: int, backend: str, *, at_once: int = 2, seed: int | None = None) -> Left:
    """Start an owner, kill it, again and again; then look for what is left of all of them.

    Args:
        times: how many owners.
        backend: a name that `open_sandbox` knows.
        at_once: so many live at the same time.
        seed: makes the moments come again; None is a new one.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    chance = random.Random(seed)
    longest = DOCKER_LONGEST_S if backend == "docker" else LONGEST_S
    moments = [chance.uniform(0, longest) for _ in range(times)]
    with tempfile.TemporaryDirectory(prefix="kills-") as place, ThreadPoolExecutor(at_once) as threads:
        marks = list(threads.map(lambda moment: _start_and_kill(backend, place, moment), moments))
        leftovers = Left(kills=times)
        deadline = time.monotonic() + CLEANED_S
        while True:
            _reap()
            leftovers = _look(leftovers, marks, place, docker=backend == "docker")
            if leftovers.nothing or time.monotonic() > deadline:
                return leftovers
            time.sleep(0.05)


def _start_and_kill(backend: str, place: str, after_s: float) -> str:
    """One owner; its mark."""
    environment = {**os.environ, "TMPDIR": place}
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, backend],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[1],
    )
    assert owner.stdout is not None
    mark = owner.stdout.readline().strip()
    try:
        owner.wait(after_s)
    except subprocess.TimeoutExpired:
        owner.send_signal(signal.SIGKILL)
    _, errors = owner.communicate()
    if owner.returncode != -signal.SIGKILL:
        raise RuntimeError(f"The owner ended by itself, with exit code {owner.returncode}: {errors}")
    return mark


def _look(before: Left, marks: list[str], place: str, *, docker: bool) -> Left:
    processes = _having(marks)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    locks = Path("/proc/locks").read_text().splitlines()
    dead = {mark.split("-")[2] for mark in marks}
    return Left(
        kills=before.kills,
        processes=_descendants(os.getpid()),
        cgroups=[str(folder) for folder in _groups() if processes(folder)],
        mounts=[line for line in mounts if processes(line) or place in line],
        files=[str(path) for path in Path(place).iterdir()],
        locks=[line for line in locks if line.split()[4] in dead],
        containers=_containers(processes) if docker else [],
    )


def _having(marks: list[str]) -> Callable[[str], bool]:
    return lambda text: any(mark in text for mark in marks)


def _groups() -> list[str]:
    return [f"{folder}/{name}" for folder, names, _ in os.walk("/sys/fs/cgroup") for name in names]


def _descendants(root: int) -> list[str]:
    """Command lines of all processes below one."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    descendants, new = [], list(parents.get(root, []))
    while new:
        pid = new.pop()
        new += parents.get(pid, [])
        try:
            descendants.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") or f"({pid})")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return descendants


def _containers(ours: Callable[[str], bool]) -> list[str]:
    form = ["docker", "ps", "--all", "--format", "{{json .}}"]
    lines = subprocess.run(form, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line)["Names"] for line in lines if ours(line)]


def _reap() -> None:
    """Adopted processes that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def main() -> None:
    """Print one line, and everything that is left, if anything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    leftovers = kill_owners(
        arguments.times, arguments.backend, at_once=arguments.at_once, seed=arguments.seed
    )
    print(f"{arguments.backend}: {leftovers}")
    for items in (
        leftovers.processes,
        leftovers.cgroups,
        leftovers.mounts,
        leftovers.files,
        leftovers.locks,
        leftovers.containers,
    ):
        for item in items:
            print(f"  {item}")
    raise SystemExit(0 if leftovers.nothing else 1)


if __name__ == "__main__":
    main()
