"""How a cell ended, as a Result."""

import signal
from dataclasses import dataclass

from sandbox.kernel.cell_output import Shown
from sandbox.kernel.kernel_messages import Done, Text
from sandbox.result import KilledBy, Result, Status

_GONE = "What cells had defined is gone."


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a cell's end."""

    done: Done | None
    """The kernel's own word, or None where it gave none."""
    late: bool
    """The cell was still running at its limit."""
    flood: bool
    kernel: Result | None
    """How the kernel itself ended; None while it goes on, and where nobody could say in time."""


def describe(ending: Ending, shown: Shown, *, wall_s: float, lost_before: bool) -> Result:
    """The cell's Result. `lost_before`: the kernel was restarted before it could begin."""
    status, code, number, killed_by = _how(ending)
    lost = ending.done is None or ending.done.leaves
    if lost and not ending.late and not ending.flood:
        shown.write(Text("stderr", f"{_last_words(ending)} {_GONE}\n".encode()))
    return Result(
        status=status,
        exit_code=code,
        signal=number,
        **shown.streams(),
        wall_s=wall_s,
        cpu_s=ending.kernel.cpu_s if ending.kernel else 0.0,
        max_rss_mb=ending.kernel.max_rss_mb if ending.kernel else 0.0,
        killed_by=killed_by,
        artifacts=tuple(shown.artifacts),
        artifacts_left_out=shown.left_out,
        state_lost=lost or lost_before,
    )


def _how(ending: Ending) -> tuple[Status, int | None, int | None, KilledBy | None]:
    """Status, exit code, signal, and what killed it."""
    if ending.late:
        return "timeout", None, signal.SIGINT if ending.done else signal.SIGKILL, "wall"
    if ending.flood:
        return "output_limit", None, signal.SIGKILL, "output"
    if ending.done is not None:
        return ("ok" if ending.done.exit_code == 0 else "error"), ending.done.exit_code, None, None
    kernel = ending.kernel
    if kernel is None:
        return "killed", None, signal.SIGKILL, "cancel"
    if kernel.killed_by is None and kernel.exit_code is not None:
        return "error", kernel.exit_code or 1, None, None  # 0 too: the cell never came to its end
    return kernel.status, kernel.exit_code, kernel.signal, kernel.killed_by


def _last_words(ending: Ending) -> str:
    kernel = ending.kernel
    if ending.done is not None:
        return "The cell ended the kernel."
    if kernel is None or kernel.killed_by == "cancel":
        return "The kernel was ended while the cell ran."
    if kernel.killed_by == "memory":
        return "The kernel ran out of memory."
    if kernel.killed_by is not None:
        return f"The kernel was ended by its limit of {kernel.killed_by}."
    if kernel.signal is not None:
        return f"The kernel was ended by signal {kernel.signal} while the cell ran."
    return f"The kernel ended with exit code {kernel.exit_code} while the cell ran."
