"""How much of a local model fits on this machine: its context, by its header and the memory that is free."""

import os
from pathlib import Path

from coder.models.gguf import read_facts

LEAST, USUAL, MOST = 2048, 4096, 32_768
"""Tokens, prompt and answer together."""
SHARE = 0.5
"""Of the memory that is free, for weights and context."""


def fitting_context(weights: Path, *, free: int | None = None) -> int:
    """Tokens that a model can read here; the usual number where its header doesn't say what it can.

    Args:
        free: bytes of memory; None is what this machine has free now.

    Raises:
        OSError: the weights can't be read.
    """
    facts = read_facts(weights)
    if facts.context is None:
        return USUAL
    wanted = min(facts.context, MOST)
    free = free_memory() if free is None else free
    if free is None or not facts.bytes_per_token:
        return min(wanted, USUAL)
    room = int(free * SHARE) - weights.stat().st_size
    return max(min(LEAST, wanted), min(wanted, room // facts.bytes_per_token))


def free_memory() -> int | None:
    """Bytes of memory that programs can still have; None where the system doesn't tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, IndexError):
        return None
    return int(kilobytes) * 1024


def processors() -> int:
    """How many this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else os.cpu_count() or 1
