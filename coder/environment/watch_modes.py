"""`CI=1` for test runners that would otherwise wait for changes of files and never end.

Only where a script of package.json, or the test command itself, starts one in its watch mode: some tests ask
for this variable, and see elsewhere what they see outside of the sandbox.

Sources: https://vitest.dev/guide/cli, https://create-react-app.dev/docs/running-tests,
https://angular.dev/cli/test, https://jestjs.io/docs/cli, https://mochajs.org.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from coder.run.stored_file import StoredFile

_SEPARATOR = re.compile(r"&&|\|\||[;|&\n]")
_ONCE = {
    "vitest": r"run|list|related|bench|typecheck|init|--run|--no-watch|--watch=false",
    "react-scripts": r"--watchAll=false|--watch=false|--no-watch",
    "ng": r"--watch=false|--no-watch",
    "karma": r"--single-run|--no-auto-watch",
}
"""Arguments with which a runner that watches by itself runs once."""
_WATCHES = {"jest": r"--watch(?:All)?", "mocha": r"--watch|-w"}
"""Arguments with which other runners watch."""
_NEEDS = {"react-scripts": "test", "ng": "test", "karma": "start"}
"""The command of a program that runs tests."""


def watch_variables(command: Sequence[str], files: Mapping[str, StoredFile]) -> dict[str, str]:
    """Return the variable for a project with these files and this test command; empty if nothing watches."""
    texts = (file.text or "" for path, file in files.items() if PurePosixPath(path).name == "package.json")
    scripts = [shlex.join(command), *(script for text in texts for script in _scripts(text))]
    return {"CI": "1"} if any(map(_watches, scripts)) else {}


def _scripts(manifest: str) -> Iterator[str]:
    try:
        scripts = json.loads(manifest).get("scripts", {})
        yield from filter(lambda script: isinstance(script, str), scripts.values())
    except (ValueError, AttributeError, RecursionError):
        return


def _watches(script: str) -> bool:
    for line in _SEPARATOR.split(script):
        words = line.split()
        for place, word in enumerate(words):
            name, arguments = PurePosixPath(word).name, words[place + 1 :]
            if name in _ONCE and (name not in _NEEDS or arguments[:1] == [_NEEDS[name]]):
                return not any(re.fullmatch(_ONCE[name], argument) for argument in arguments)
            if name in _WATCHES:
                return any(re.fullmatch(_WATCHES[name], argument) for argument in arguments)
    return False
