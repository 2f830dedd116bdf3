"""Which packages that a case says it needs its interpreter doesn't have."""

import json
import re
from collections.abc import Sequence

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


async def missing_packages(sandbox: Sandbox, requirements: Sequence[str]) -> tuple[str, ...]:
    """Those of the requirements that aren't installed in the sandbox, by name; versions aren't compared.

    Args:
        requirements: as pip takes them, such as `pytest<9`.

    Raises:
        SandboxBroken: the sandbox stopped working.
    """
    names = [found.group() for one in requirements if (found := _NAME.match(one.strip()))]
    if not names:
        return ()
    result = await sandbox.run(Command(argv=("python", "-I", "-c", _ASK, *names)), fresh=True)
    if not result.ok:
        return ()
    return tuple(str(name) for name in json.loads(result.stdout))
