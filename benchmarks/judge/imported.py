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
"""Interpreters to try in order: that of SWE-bench's images, then `python` on the image's PATH."""
MIN_VERSION = (3, 8)
"""Minimum version of Python: the judge's alarm needs audit hooks."""
_PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FACTS_SCRIPT = """
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
    """Location of each requested module; empty if the module is missing."""
    lacking: tuple[str, ...]
    """Requested packages that aren't installed; versions aren't compared."""
    is_first_on_path: bool = False
    """Whether this interpreter is the first `python` on the image's PATH."""

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which `python` is this interpreter."""
        return {} if self.is_first_on_path else {"PATH": f"{self.folder}:{self.path}"}


async def find_python(sandbox: Sandbox, tree: str) -> InterpreterReport | str:
    """Find the first interpreter of an image that can run tests; return the reason if there is none."""
    failures = []
    for python in PYTHONS:
        report = await _ask_interpreter(sandbox, python=python, tree=tree, names=("pytest",))
        if isinstance(report, str):
            failures.append(f"{python} doesn't start")
        elif report.version < MIN_VERSION:
            failures.append(
                f"{python} is Python {report.version[0]}.{report.version[1]}, and 3.8 is the oldest"
            )
        elif not report.places["pytest"]:
            failures.append(f"{python} has no pytest")
        else:
            return report.model_copy(update={"is_first_on_path": python == "python"})
    return f"the image has no Python that could run its tests: {'; '.join(failures)}"


async def find_elsewhere(
    sandbox: Sandbox,
    files: Mapping[str, bytes],
    names: Sequence[str],
    roots: Sequence[str],
    environment: Mapping[str, str],
) -> dict[str, str]:
    """Find modules of a tree that would be imported from another place, by name. Runs no code of the tree."""
    places = [str(PurePosixPath("/w", root)) for root in roots]
    report = await _ask_interpreter(sandbox, environment, files, roots=places, names=names)
    if isinstance(report, str):
        return dict.fromkeys(names[:1], f"nowhere: {report[-200:]}")
    return {name: place for name, place in report.places.items() if not place.startswith("/w/")}


async def installed_modules(
    sandbox: Sandbox, names: Sequence[str], environment: Mapping[str, str]
) -> frozenset[str]:
    """Return which of the modules the interpreter has installed; none if the interpreter can't be started."""
    report = await _ask_interpreter(sandbox, environment, names=names)
    places = {} if isinstance(report, str) else report.places
    return frozenset(name for name, place in places.items() if place)


async def missing_packages(
    sandbox: Sandbox, requirements: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the names of requirements that aren't installed in the sandbox."""
    names = package_names(requirements)
    report = await _ask_interpreter(sandbox, environment, packages=names) if names else ""
    return () if isinstance(report, str) else report.lacking


async def _ask_interpreter(
    sandbox: Sandbox,
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
    *,
    python: str = "python",
    tree: str = "/w",
    **asked: Sequence[str],
) -> InterpreterReport | str:
    """Return the report of an interpreter, or its stderr if it fails."""
    query = json.dumps({"tree": tree, "roots": (), "names": (), "packages": (), **asked})
    command = Command(argv=(python, "-I", "-c", _FACTS_SCRIPT, query), environment=dict(environment or {}))
    result = await sandbox.run(command, fresh=True, files=files or {})
    try:
        return InterpreterReport.model_validate_json(result.stdout)
    except ValidationError:
        return result.stderr.strip()


def package_names(requirements: Iterable[str]) -> list[str]:
    """Return the package names in pip requirements such as `pytest<9`."""
    return [
        match.group() for requirement in requirements if (match := _PACKAGE_NAME.match(requirement.strip()))
    ]


def needed_packages(suite: Suite) -> dict[str, int]:
    """Return the number of repository cases that need each package, pytest first."""
    case_counts = Counter[str]()
    for case in suite.cases:
        if isinstance(case, RepositoryCase) and case.image is None:
            tools = {"pytest"} if case.runner == "pytest" else set[str]()
            case_counts.update({*tools, *package_names(case.dependencies)})
    return dict(sorted(case_counts.items(), key=lambda entry: (entry[0] != "pytest", entry[0])))
