"""How `coder run` ends: the exit code, and a line where a limit ended the program."""

import signal

from sandbox import Policy, Result

TIMEOUT, FAILED = 124, 125
OUT_OF_MEMORY = 128 + 9
_BY_SIGNAL = 128
TOO_MUCH_OUTPUT = 128 + 25
"""As for SIGXFSZ, what Linux sends for a file that grows beyond its limit."""


def exit_code(result: Result) -> int:
    """The program's own code; for what ended it from outside the one that a shell would give."""
    match result.status:
        case "timeout":
            return TIMEOUT
        case "oom":
            return OUT_OF_MEMORY
        case "output_limit":
            return TOO_MUCH_OUTPUT
        case _ if result.exit_code is not None:
            return result.exit_code
        case _:
            return _BY_SIGNAL + (result.signal or signal.SIGKILL)


def last_words(result: Result, policy: Policy) -> list[str]:
    """What the program itself could not say any more; nothing for one that ended by itself."""
    match result.killed_by:
        case "wall":
            return [f"ended after {policy.wall_s:g} s; --timeout SECONDS gives it more"]
        case "cpu":
            return [f"ended after {policy.cpu_s:g} s of CPU; --timeout SECONDS gives it more"]
        case "memory":
            return [f"ended at {policy.memory_mb} MiB of memory; --memory MIB gives it more"]
        case "output":
            return ["ended because it wrote without end"]
        case "disk":
            return [f"ended at {policy.disk_mb} MiB of disk; --disk MIB gives it more"]
        case _ if result.exit_code is None:
            return [f"ended by signal {result.signal} ({_name(result.signal)})"]
        case _:
            return []


def _name(number: int | None) -> str:
    return next((item.name for item in signal.Signals if item == number), "unknown")
