"""Whole processes of ours, timed in turn with `import openai` and `python -c pass`."""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.inner.process.descendants import become_subreaper, children_of

IMPORT, BARE = "import openai", "python -c pass"


@dataclass(frozen=True, slots=True)
class Took:
    """What one process took."""

    seconds: float
    """By the clock."""
    cpu_s: float
    """Of its own and of all that it started; other work on the machine disturbs it less."""


def flags(doc: str | None) -> argparse.ArgumentParser:
    """The flags of a comparison: `--rounds`.

    Args:
        doc: what `--help` shows.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    return parser


def compare(name: str, once: Callable[[], Took], *, rounds: int, aim: str) -> None:
    """Measure, and print medians and the ratios to `import openai`.

    Args:
        once: one process of ours, from its start to its end.
    """
    kinds = {
        name: once,
        IMPORT: lambda: timed([sys.executable, "-c", "import openai"]),
        BARE: lambda: timed([sys.executable, "-c", "pass"]),
    }
    runs: dict[str, list[Took]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, one in kinds.items():
            runs[kind].append(one())
    for kind, all_of_it in runs.items():
        least = min(took.seconds for took in all_of_it)
        wall, cpu = _medians(all_of_it)
        print(f"{kind:16} {wall:6.3f} s, {least:.3f} s at least, {cpu:.3f} s of CPU; medians of {rounds}")
    (wall, cpu), (import_wall, import_cpu) = _medians(runs[name]), _medians(runs[IMPORT])
    print(f"ratio to {IMPORT}: {wall / import_wall:.2f}, of CPU {cpu / import_cpu:.2f} (aim {aim})")


def timed(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Took:
    """Run a process to its end, and wait for what it leaves: the servers of keepers end after it.

    Raises:
        SystemExit: it failed; what it printed is in it.
    """
    become_subreaper()
    earlier_children, before = set(children_of(os.getpid())), _cpu_s_of_children()
    with tempfile.TemporaryFile() as printed:
        began = time.perf_counter()
        process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed)
        process.wait()
        seconds = time.perf_counter() - began
        while children := set(children_of(os.getpid())) - earlier_children:
            for orphan in children:
                os.waitpid(orphan, 0)
        if process.returncode != 0:
            printed.seek(0)
            raise SystemExit(f"{argv[0]} ended with {process.returncode}:\n{printed.read().decode()}")
    return Took(seconds, _cpu_s_of_children() - before)


def _cpu_s_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _medians(taken: Sequence[Took]) -> tuple[float, float]:
    return statistics.median(took.seconds for took in taken), statistics.median(took.cpu_s for took in taken)
