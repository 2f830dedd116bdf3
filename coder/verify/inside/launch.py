"""Run one of our programs from the archive beside this file.

    python3 launch NAME ARGS…       NAME is keeper, reporter or scripts

Python imports modules of an archive without a `__pycache__`, in which the code under test could plant
modules for a later program of a script. This file has no `.py` in the sandbox, so that compileall, or a
linter that checks the project, finds no Python file of ours. Standard library of Python 3.8 only.
"""

from __future__ import annotations

import os
import sys

_FOLDER = os.path.dirname(os.path.realpath(__file__))


def main(name: str, argument: str, arguments: list[str]) -> int:
    """Run the program of this name; return its exit code."""
    # Python puts this folder first, but not with `-I` or PYTHONSAFEPATH.
    is_first = os.path.realpath(sys.path[0]) == _FOLDER
    sys.path[:is_first] = [os.path.join(_FOLDER, "ours.zip")]
    if name == "keeper":  # its modules are never those of the workspace
        named = {os.path.realpath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
        sys.path[1:] = [path for path in sys.path[1:] if os.path.realpath(path) not in named]
    program = __import__(name)
    del sys.modules[name]  # the code under test may import a module of its own with that name
    return int(program.main(argument, arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
