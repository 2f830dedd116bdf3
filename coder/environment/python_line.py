"""One line on the sandbox's Python and its packages, for the prompt."""

from collections.abc import Collection
from itertools import accumulate

from coder.base.text.sanitize import one_line
from coder.environment.workbench import Workbench
from sandbox import PythonCode

_MOST, _LONGEST = 500, 1_000
"""Characters of the named packages, and of the line."""
_OF_EVERY_VENV = {"pip", "setuptools", "wheel", "pluggy", "iniconfig", "packaging"}
"""Packages that come with an environment or with pytest, and tell nothing of the project."""
_SOURCE = """\
import os, sys
end = ".dist-info"
names = {n[: -len(end)] for p in sys.path if os.path.isdir(p) for n in os.listdir(p) if n.endswith(end)}
print(sys.version.split()[0], *sorted(names, key=str.lower), sep="\\n")
"""


async def python_line(bench: Workbench, files: Collection[str]) -> str:
    """The version of the sandbox's Python and its packages; empty for a project without Python."""
    if files and not any(path.endswith(".py") for path in files):
        return ""
    if bench.python_line is None:
        ended = await (await bench.candidate()).run(PythonCode(source=_SOURCE))
        bench.python_line = _line(ended.stdout.splitlines()) if ended.ok else ""
    return bench.python_line


def _line(lines: list[str]) -> str:
    if not lines:
        return ""
    packages = [
        name.replace("-", " ") for name in lines[1:] if name.rpartition("-")[0].lower() not in _OF_EVERY_VENV
    ]
    packages.sort(key=lambda name: not name.startswith("pytest "))
    ends = accumulate(map(len, packages))
    fitting = [name for name, end in zip(packages, ends, strict=True) if end <= _MOST]
    more = f" and {len(packages) - len(fitting)} more" if len(fitting) < len(packages) else ""
    listed = ", ".join(fitting) or "no package"
    return one_line(f"The sandbox has Python {lines[0]}, with {listed}{more}.", width=_LONGEST)
