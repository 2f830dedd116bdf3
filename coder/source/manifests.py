"""Find manifests of dependencies, the command to install them, and missing modules."""

import re
import shlex
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from coder.base.errors import UsageError

_NAMES = {
    "pyproject.toml", "setup.py", "setup.cfg", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile",
    "Pipfile.lock", "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock",
    "pnpm-lock.yaml", ".npmrc",
}  # fmt: skip
_REQUIREMENTS = (
    "requirements.txt", "requirements-dev.txt", "requirements-test.txt", "requirements-tests.txt",
    "requirements_dev.txt", "requirements_test.txt", "dev-requirements.txt", "test-requirements.txt",
    "requirements/dev.txt", "requirements/test.txt", "requirements/tests.txt",
)  # fmt: skip
_FOR_TESTS = ("test", "tests", "testing", "dev")
"""Extras and groups that hold what tests need, by custom; all of these that there are."""
_LOCKED = ("package-lock.json", "npm-shrinkwrap.json")


def named_in(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files that determine the dependencies: manifests, locks and requirements of any name."""
    return {path: content for path, content in files.items() if _decides(PurePosixPath(path))}


def _decides(path: PurePosixPath) -> bool:
    lists = path.suffix in (".txt", ".in") and any(
        part.startswith(("requirements", "constraints")) or "requirements" in part for part in path.parts
    )
    return path.name in _NAMES or lists


def install_command(files: Mapping[str, bytes], test_command: Sequence[str], *, uses_pytest: bool) -> str:
    """Shell command that installs the dependencies of these files. Raises UsageError: there are none."""
    words = [word for name in _REQUIREMENTS if name in files for word in ("-r", name)] + _project(files)
    steps = [f"python -m pip install {shlex.join(words)}"] if words else []
    if words and uses_pytest:
        steps[0] += " pytest"
    if "package.json" in files:
        steps.append("npm ci" if any(name in files for name in _LOCKED) else "npm install --no-package-lock")
    if not steps:
        raise UsageError(
            "Nothing here names dependencies: no requirements.txt, pyproject.toml, setup.py or package.json "
            "at the top of the folder. Say how to install them: --install-with 'pip install pytest'"
        )
    return " && ".join(steps)


def _project(files: Mapping[str, bytes]) -> list[str]:
    """The project itself, for its packages and metadata, with the dependencies of its tests."""
    if "pyproject.toml" not in files:
        return ["-e", "."] if "setup.py" in files else []
    try:
        table = tomllib.loads(files["pyproject.toml"].decode())
    except ValueError as error:
        raise UsageError(f"pyproject.toml can't be read: {error}. Mend it, or use --install-with.") from error
    extras = _of_tests(_table(_table(table, "project"), "optional-dependencies"))
    groups = _table(table, "dependency-groups")
    more = [word for name in _of_tests(groups) for word in _group(groups, name, ())]
    if "project" not in table and "build-system" not in table and "setup.py" not in files:
        return more  # the settings of tools alone
    return ["-e", f".[{','.join(extras)}]" if extras else ".", *more]


def _of_tests(table: Mapping[str, Any]) -> list[str]:
    return [name for name in _FOR_TESTS if name in table]


def _group(groups: Mapping[str, Any], name: str, outer: tuple[str, ...]) -> list[str]:
    """Requirements of a dependency group (PEP 735) and of the groups that it includes.

    A requirement begins with a name; any other text would be an option or a path for the installer.
    """
    entries = groups.get(name)
    requirements: list[str] = []
    for entry in entries if isinstance(entries, list) and name not in outer else []:
        if isinstance(entry, str) and entry[:1].isalnum():
            requirements.append(entry)
        elif isinstance(entry, dict):
            requirements += _group(groups, str(entry.get("include-group")), (*outer, name))
    return requirements


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


_SAID = (
    re.compile(r"ModuleNotFoundError: No module named '([A-Za-z_]\w*)(?=[.'])"),
    re.compile(r"Cannot find (?:module|package) '((?:@[\w.-]+/)?[A-Za-z_][\w.-]*)"),
)


def missing_modules(output: str, files: Collection[str]) -> tuple[str, ...]:
    """Modules that an output reports as missing, except those that the folder itself may hold."""
    own = {part.partition(".")[0] for path in files for part in path.split("/")}
    names = dict.fromkeys(name for pattern in _SAID for name in pattern.findall(output))
    return tuple(name for name in names if name not in own)


def are_declared(names: Collection[str], files: Mapping[str, str | None]) -> bool:
    """Whether the folder's own manifests name one of these modules, which is then to be installed."""
    contents = {path: text.encode() for path, text in files.items() if text is not None}
    manifests = "\n".join(content.decode() for content in named_in(contents).values())
    text = manifests.lower().replace("_", "-")
    patterns = [re.escape(name.lower().replace("_", "-")) for name in names]
    return any(re.search(rf"(?<![\w-]){pattern}(?![\w-])", text) for pattern in patterns)
