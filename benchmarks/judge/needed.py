"""Which packages that a case says it needs its interpreter doesn't have."""

import json
import re
from collections.abc import Mapping, Sequence

from sandbox import Command, Sandbox

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ASK = """
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


async def missing_packages(
    sandbox: Sandbox, requirements: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Those of the requirements that aren't installed in the sandbox, by name; versions aren't compared.

    Args:
        requirements: as pip takes them, such as `pytest<9`.
        environment: of the tests: their interpreter may be another than the sandbox's own.

    Raises:
        SandboxBroken: the sandbox stopped working.
    """
    names = [found.group() for one in requirements if (found := _NAME.match(one.strip()))]
    if not names:
        return ()
    argv = ("python", "-I", "-c", _ASK, *names)
    result = await sandbox.run(Command(argv=argv, environment=dict(environment)), fresh=True)
    if not result.ok:
        return ()
    return tuple(str(name) for name in json.loads(result.stdout))
