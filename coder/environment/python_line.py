"""Describe the sandbox's Python and its packages in one line, for the prompt."""

from collections.abc import Collection
from itertools import accumulate

from coder.base.text.sanitize import one_line
from coder.environment.workbench import Workbench
from sandbox import PythonCode

_PACKAGES_CHARACTERS, _LINE_CHARACTERS = 500, 1_000
"""Longest list of packages and longest line, in characters."""
_USUAL_PACKAGES = {"pip", "setuptools", "wheel", "pluggy", "iniconfig", "packaging"}
"""Packages that come with an environment or with pytest, and say nothing about the project."""
_SOURCE = """\
import os, sys
end = ".dist-info"
names = {n[: -len(end)] for p in sys.path if os.path.isdir(p) for n in os.listdir(p) if n.endswith(end)}
print(sys.version.split()[0], *sorted(names, key=str.lower), sep="\\n")
"""


async def python_line(bench: Workbench, files: Collection[str]) -> str:
    """Return the version of the sandbox's Python and its packages; empty for a project without Python."""
    if files and not any(path.endswith(".py") for path in files):
        return ""
    if bench.python_line is None:
        result = await (await bench.candidate()).run(PythonCode(source=_SOURCE))
        bench.python_line = _format_line(result.stdout.splitlines()) if result.ok else ""
    return bench.python_line


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
