"""Programs that a test command wants and the sandbox doesn't have, so that no answer could make it pass."""

import re

from coder.run.state import State
from coder.verify.finding import Finding
from sandbox import Command, Sandbox

_REPORTED = re.compile(
    r"(?:^|[\s:])(?P<shell>[\w.+-]+): (?:command )?not found\s*$"
    r"|^g?make(?:\[\d+\])?: (?P<make>[\w.+-]+): No such file or directory$"
    r"|\benv: \W?(?P<env>[\w.+-]+)\W?: No such file or directory$",
    re.MULTILINE,
)
_MOST = 5


async def find_missing_programs(sandbox: Sandbox, run: Finding, state: State) -> tuple[str, ...]:
    """Return the programs that a failed command reported as not found and that the sandbox doesn't have.

    Empty if the command reported tests one by one, as then they decide.
    """
    if run.passed or run.names_tests:
        return ()
    matches = _REPORTED.finditer(f"{run.result.stdout}\n{run.result.stderr}")
    names = dict.fromkeys(name for match in matches for name in match.groups() if name)
    own_names = {part for path in state.files for part in path.split("/")}
    missing_names: list[str] = []
    for name in [name for name in names if name not in own_names][:_MOST]:
        if not (await sandbox.run(Command(argv=("sh", "-c", 'command -v "$0"', name)))).ok:
            missing_names.append(name)
    return tuple(missing_names)
