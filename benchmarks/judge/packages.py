"""Packages: what repository cases need beside the standard library, and what the interpreter lacks of it."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.suite import RepositoryCase, Suite
from sandbox import Command, Sandbox

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
    """Those of the requirements that aren't installed in the sandbox, by name; versions aren't compared.

    Args:
        requirements: as pip takes them, such as `pytest<9`.
        environment: of the tests: their interpreter may be another than the sandbox's own.
    """
    names = package_names(requirements)
    if not names:
        return ()
    argv = ("python", "-I", "-c", _PRINT_LACKING, *names)
    result = await sandbox.run(Command(argv=argv, environment=dict(environment)), fresh=True)
    if not result.ok:
        return ()
    return tuple(str(name) for name in json.loads(result.stdout))
