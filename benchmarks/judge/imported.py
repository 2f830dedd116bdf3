"""What an interpreter has for the tests of cases: packages, and where it finds the modules of a case."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.suite import RepositoryCase, Suite
from sandbox import Command, Sandbox

PYTHONS = ("/opt/miniconda3/envs/testbed/bin/python", "python")
"""Tried in this order: the environment of SWE-bench's images, then the one on the image's PATH."""
OLDEST = (3, 8)
"""The judge's alarm needs audit hooks."""
_ASK = """
import json, os, sys
try:
    import pytest
except ImportError:
    pytest = None
tree = sys.argv[1]
places = list(sys.path)
for name, module in list(sys.modules.items()):
    if name.startswith("__editable__"):
        places += map(os.path.dirname, getattr(module, "MAPPING", {}).values())
below = [os.path.relpath(place, tree) for place in places if (place + "/").startswith(tree + "/")]
print(json.dumps({
    "folder": os.path.dirname(sys.executable), "path": os.environ["PATH"], "version": sys.version_info[:2],
    "pytest": getattr(pytest, "__version__", None), "roots": list(dict.fromkeys(below)),
}))
"""
_FIND = """
import importlib.util, json, sys
roots, names = json.loads(sys.argv[1])
sys.path[:0] = roots
found = {}
for name in names:
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # it is loaded already, from an unknown place
        spec = None
    places = list(spec.submodule_search_locations or [spec.origin or ""]) if spec else []
    found[name] = places[0] if places else ""
print(json.dumps(found))
"""


class Interpreter(BaseModel):
    """A Python of an image."""

    model_config = ConfigDict(frozen=True)

    folder: str
    """Where it lies."""
    path: str
    """What the image has as PATH."""
    version: tuple[int, int]
    pytest: str | None
    roots: tuple[str, ...]
    """Folders of the tree, relative to it, that it imports from: packages that were installed in place."""
    own: bool = False
    """It is the one on the image's PATH."""

    @property
    def environment(self) -> dict[str, str]:
        """With which `python` is this one."""
        return {} if self.own else {"PATH": f"{self.folder}:{self.path}"}


async def find_python(sandbox: Sandbox, tree: str) -> Interpreter | str:
    """The first of an image's interpreters that can run tests; or why none can."""
    why = []
    for python in PYTHONS:
        found = await _ask(sandbox, python, tree)
        if found is None:
            why.append(f"{python} doesn't start")
        elif found.pytest is None:
            why.append(f"{python} has no pytest")
        elif found.version < OLDEST:
            why.append(f"{python} is Python {found.version[0]}.{found.version[1]}, and 3.8 is the oldest")
        else:
            return found
    return f"the image has no Python that could run its tests: {'; '.join(why)}"


async def found_elsewhere(
    sandbox: Sandbox,
    files: Mapping[str, bytes],
    names: Sequence[str],
    roots: Sequence[str],
    environment: Mapping[str, str],
) -> dict[str, str]:
    """Those modules of a tree in the workspace that would be imported from another place, and the place.

    Nothing of the tree is run to see it.
    """
    places = [str(PurePosixPath("/w", root)) for root in roots]
    argv = ("python", "-I", "-c", _FIND, json.dumps([places, list(names)]))
    result = await sandbox.run(Command(argv=argv, environment=dict(environment)), fresh=True, files=files)
    try:
        found = {str(name): str(place) for name, place in json.loads(result.stdout).items()}
    except ValueError:
        return {name: f"nowhere: {result.stderr.strip()[-200:]}" for name in names[:1]}
    return {name: place for name, place in found.items() if not place.startswith("/w/")}


async def _ask(sandbox: Sandbox, python: str, tree: str) -> Interpreter | None:
    result = await sandbox.run(Command(argv=(python, "-I", "-c", _ASK, tree)), fresh=True)
    try:
        found = Interpreter.model_validate_json(result.stdout)
    except ValidationError:
        return None
    return found.model_copy(update={"own": python == "python"})


_PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PRINT_LACKING = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
lacking = []
for name in sys.argv[1:]:
    try:
        version(name)
    except PackageNotFoundError:
        lacking.append(name)
print(json.dumps(lacking))
"""


def package_names(requirements: Iterable[str]) -> list[str]:
    """Names of packages in requirements as pip takes them, such as `pytest<9`."""
    return [found.group() for one in requirements if (found := _PACKAGE_NAME.match(one.strip()))]


def needed_packages(suite: Suite) -> dict[str, int]:
    """How many repository cases need each package of the interpreter, pytest first."""
    needing = Counter[str]()
    for case in suite.cases:
        if isinstance(case, RepositoryCase) and case.image is None:
            needing.update({"pytest", *package_names(case.dependencies)})
    return dict(sorted(needing.items(), key=lambda one: (one[0] != "pytest", one[0])))


async def missing_packages(
    sandbox: Sandbox, requirements: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Those of the requirements that aren't installed in the sandbox, by name; versions aren't compared."""
    names = package_names(requirements)
    if not names:
        return ()
    argv = ("python", "-I", "-c", _PRINT_LACKING, *names)
    result = await sandbox.run(Command(argv=argv, environment=dict(environment)), fresh=True)
    if not result.ok:
        return ()
    return tuple(str(name) for name in json.loads(result.stdout))
