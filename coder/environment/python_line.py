"""Inspect the sandbox's Python once: its version and packages, and whether it has pytest.

A program in the sandbox prints them in the background.
"""

import asyncio
from collections.abc import Collection
from itertools import accumulate

from coder.base.text.sanitize import one_line
from coder.environment.workbench import Workbench
from sandbox import Limits, PythonCode

_PACKAGES_CHARACTERS, _LINE_CHARACTERS = 500, 1_000
"""Maximum characters of the list of packages, and of the line."""
_USUAL_PACKAGES = {"pip", "setuptools", "wheel", "pluggy", "iniconfig", "packaging"}
"""Packages that come with an environment or with pytest, and say nothing about the project."""
_LIMITS = Limits(wall_s=60, cpu_s=60)
"""Limits of the inspection, separate from the task's: a run without the line couldn't be replayed."""
_SOURCE = """\
import importlib.util, os, sys
end = ".dist-info"
names = {n[: -len(end)] for p in sys.path if os.path.isdir(p) for n in os.listdir(p) if n.endswith(end)}
has_pytest = importlib.util.find_spec("pytest") is not None
print(has_pytest, sys.version.split()[0], *sorted(names, key=str.lower), sep="\\n")
"""


def look_at_python(bench: Workbench, files: Collection[str]) -> None:
    """Start to inspect the sandbox's Python, unless that has started or the project has no Python."""
    if _has_python(files) and (bench.python is None or _has_failed(bench.python)):
        bench.python = asyncio.create_task(_look(bench))
        bench.python.add_done_callback(_has_failed)  # who waits for it is told the error


async def python_line(bench: Workbench, files: Collection[str]) -> str:
    """Return the version of the sandbox's Python and its packages; empty for a project without Python."""
    return _format_line((await _lines(bench, files))[1:])


async def has_pytest(bench: Workbench) -> bool:
    """Whether the sandbox's Python can import pytest."""
    return (await _lines(bench, ()))[:1] == ["True"]


def _has_python(files: Collection[str]) -> bool:
    return not files or any(path.endswith(".py") for path in files)


def _has_failed(looking: "asyncio.Task[list[str]]") -> bool:
    return looking.done() and (looking.cancelled() or looking.exception() is not None)


async def _lines(bench: Workbench, files: Collection[str]) -> list[str]:
    look_at_python(bench, files)
    return await asyncio.shield(bench.python) if bench.python is not None and _has_python(files) else []


async def _look(bench: Workbench) -> list[str]:
    """Return lines: whether pytest is there, the version, each package; empty if Python doesn't run."""
    result = await (await bench.candidate()).run(PythonCode(source=_SOURCE), limits=_LIMITS)
    return result.stdout.splitlines() if result.ok else []


def _format_line(lines: list[str]) -> str:
    if not lines:
        return ""
    packages = [
        name.replace("-", " ") for name in lines[1:] if name.rpartition("-")[0].lower() not in _USUAL_PACKAGES
    ]
    packages.sort(key=lambda name: not name.startswith("pytest "))
    total_lengths = accumulate(map(len, packages))
    listed_packages = [
        name for name, total in zip(packages, total_lengths, strict=True) if total <= _PACKAGES_CHARACTERS
    ]
    remainder = (
        f" and {len(packages) - len(listed_packages)} more" if len(listed_packages) < len(packages) else ""
    )
    package_list = ", ".join(listed_packages) or "no package"
    return one_line(
        f"The sandbox has Python {lines[0]}, with {package_list}{remainder}.", width=_LINE_CHARACTERS
    )
