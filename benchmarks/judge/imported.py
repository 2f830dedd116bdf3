"""Find which packages an interpreter has, and from where it imports a case's modules."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from pydantic import ValidationError

from benchmarks.suite import RepositoryCase, Suite
from sandbox import Command, Sandbox
from sandbox.result import Value

PYTHONS = ("/opt/miniconda3/envs/testbed/bin/python", "python")
"""Tried in order: the environment of SWE-bench's images, then the one on the image's PATH."""
OLDEST = (3, 8)
"""The judge's alarm needs audit hooks."""
_PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FACTS = """
import importlib.util, json, os, sys
asked = json.loads(sys.argv[1])
def has(package):
    from importlib.metadata import PackageNotFoundError, version  # since Python 3.8
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False
def place(name):
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # it is loaded already, from an unknown place
        spec = None
    places = list(spec.submodule_search_locations or [spec.origin or ""]) if spec else []
    return places[0] if places else ""
tree, above = asked["tree"], list(sys.path)
for name, module in list(sys.modules.items()):
    if name.startswith("__editable__"):
        above += map(os.path.dirname, getattr(module, "MAPPING", {}).values())
below = [os.path.relpath(one, tree) for one in above if (one + "/").startswith(tree + "/")]
sys.path[:0] = asked["roots"]
print(json.dumps({
    "folder": os.path.dirname(sys.executable), "path": os.environ["PATH"], "version": sys.version_info[:2],
    "roots": list(dict.fromkeys(below)), "places": {name: place(name) for name in asked["names"]},
    "lacking": [package for package in asked["packages"] if not has(package)],
}))
"""


class InterpreterReport(Value):
    """Facts that a Python interpreter reports about itself."""

    folder: str
    path: str
    """PATH of the image."""
    version: tuple[int, int]
    roots: tuple[str, ...]
    """Folders of the tree, relative to it, on the import path: packages installed in place (editable)."""
    places: dict[str, str]
    """Location of each requested module; empty if it is missing."""
    lacking: tuple[str, ...]
    """Requested packages that aren't installed; versions aren't compared."""
    own: bool = False
    """It is the first `python` on the image's PATH."""

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which `python` is this interpreter."""
        return {} if self.own else {"PATH": f"{self.folder}:{self.path}"}


async def find_python(sandbox: Sandbox, tree: str) -> InterpreterReport | str:
    """The first interpreter of an image that can run tests, or why none can."""
    why = []
    for python in PYTHONS:
        found = await _ask(sandbox, python=python, tree=tree, names=("pytest",))
        if isinstance(found, str):
            why.append(f"{python} doesn't start")
        elif found.version < OLDEST:
            why.append(f"{python} is Python {found.version[0]}.{found.version[1]}, and 3.8 is the oldest")
        elif not found.places["pytest"]:
            why.append(f"{python} has no pytest")
        else:
            return found.model_copy(update={"own": python == "python"})
    return f"the image has no Python that could run its tests: {'; '.join(why)}"


async def found_elsewhere(
    sandbox: Sandbox,
    files: Mapping[str, bytes],
    names: Sequence[str],
    roots: Sequence[str],
    environment: Mapping[str, str],
) -> dict[str, str]:
    """Modules of a tree that would be imported from elsewhere, with the place. Runs nothing of the tree."""
    places = [str(PurePosixPath("/w", root)) for root in roots]
    found = await _ask(sandbox, environment, files, roots=places, names=names)
    if isinstance(found, str):
        return dict.fromkeys(names[:1], f"nowhere: {found[-200:]}")
    return {name: place for name, place in found.places.items() if not place.startswith("/w/")}


async def installed_modules(
    sandbox: Sandbox, names: Sequence[str], environment: Mapping[str, str]
) -> frozenset[str]:
    """Those of the modules that the interpreter has by itself; none if it can't be asked."""
    found = await _ask(sandbox, environment, names=names)
    places = {} if isinstance(found, str) else found.places
    return frozenset(name for name, place in places.items() if place)


async def missing_packages(
    sandbox: Sandbox, requirements: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Names of the requirements that aren't installed in the sandbox."""
    names = package_names(requirements)
    found = await _ask(sandbox, environment, packages=names) if names else ""
    return () if isinstance(found, str) else found.lacking


async def _ask(
    sandbox: Sandbox,
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
    *,
    python: str = "python",
    tree: str = "/w",
    **asked: Sequence[str],
) -> InterpreterReport | str:
    """What a Python reports, or the end of its stderr."""
    question = json.dumps({"tree": tree, "roots": (), "names": (), "packages": (), **asked})
    command = Command(argv=(python, "-I", "-c", _FACTS, question), environment=dict(environment or {}))
    result = await sandbox.run(command, fresh=True, files=files or {})
    try:
        return InterpreterReport.model_validate_json(result.stdout)
    except ValidationError:
        return result.stderr.strip()


def package_names(requirements: Iterable[str]) -> list[str]:
    """Package names in pip requirements such as `pytest<9`."""
    return [found.group() for one in requirements if (found := _PACKAGE_NAME.match(one.strip()))]


def needed_packages(suite: Suite) -> dict[str, int]:
    """Number of repository cases that need each package, pytest first."""
    needing = Counter[str]()
    for case in suite.cases:
        if isinstance(case, RepositoryCase) and case.image is None:
            needing.update({"pytest", *package_names(case.dependencies)})
    return dict(sorted(needing.items(), key=lambda one: (one[0] != "pytest", one[0])))
