"""Find manifests of dependencies, the command to install them, and missing modules."""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from coder.base.errors import UsageError

_MANIFESTS = {
    "pyproject.toml", "setup.py", "setup.cfg", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile",
    "Pipfile.lock", "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock",
    "pnpm-lock.yaml", ".npmrc",
}  # fmt: skip
_REQUIREMENTS = (
    "requirements.txt", "requirements-dev.txt", "requirements-test.txt", "requirements-tests.txt",
    "requirements_dev.txt", "requirements_test.txt", "dev-requirements.txt", "test-requirements.txt",
    "requirements/dev.txt", "requirements/test.txt", "requirements/tests.txt",
)  # fmt: skip
_TEST_GROUPS = ("test", "tests", "testing", "dev")
"""Customary names of extras and groups with the dependencies of tests."""
OTHER_FOLDERS = {
    "node_modules", "vendor", "third_party", "fixtures", "testdata", "test", "tests", "examples", "example",
    "docs", "doc", "templates", "template", "benchmarks", "__tests__",
}  # fmt: skip
"""Folders whose projects aren't what the repository is about."""
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json")


def find_manifests(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that determine the dependencies: manifests, locks and requirements."""
    return {path: content for path, content in files.items() if _decides(PurePosixPath(path))}


def _decides(path: PurePosixPath) -> bool:
    is_list = path.suffix in (".txt", ".in") and any(
        part.startswith(("requirements", "constraints")) or "requirements" in part for part in path.parts
    )
    return path.name in _MANIFESTS or is_list


def install_command(files: Mapping[str, bytes], test_command: Sequence[str], *, uses_pytest: bool) -> str:
    """Return a shell command that installs these files' dependencies, or pytest alone.

    Raises UsageError: there are none.
    """
    words = [word for name in _REQUIREMENTS if name in files for word in ("-r", name)] + _project(files)
    steps = [f"python -m pip install {shlex.join(words)}"] if words else []
    if words and uses_pytest:
        steps[0] += " pytest"
    if "package.json" in files:
        steps.append("npm ci" if any(name in files for name in _LOCKS) else "npm install --no-package-lock")
    if not steps and uses_pytest:
        return "python -m pip install pytest"
    if not steps:
        raise UsageError(
            "Nothing here names dependencies: no requirements.txt, pyproject.toml, setup.py or package.json "
            "at the top of the folder. Say how to install them: --install-with 'pip install pytest'"
        )
    return " && ".join(steps)


def _project(files: Mapping[str, bytes]) -> list[str]:
    """Return pip's arguments to install the project itself with the dependencies of its tests."""
    if "pyproject.toml" not in files:
        return ["-e", "."] if "setup.py" in files else []
    from coder.base.text.strict_toml import parse_toml  # imported late: few tasks have a pyproject.toml

    try:
        table = parse_toml(files["pyproject.toml"].decode())
    except ValueError as error:
        raise UsageError(f"pyproject.toml can't be read: {error}. Mend it, or use --install-with.") from error
    extras = _test_groups(_table(_table(table, "project"), "optional-dependencies"))
    groups = _table(table, "dependency-groups")
    group_requirements = [word for name in _test_groups(groups) for word in _group(groups, name, ())]
    if "project" not in table and "build-system" not in table and "setup.py" not in files:
        return group_requirements  # the file only configures tools
    return ["-e", f".[{','.join(extras)}]" if extras else ".", *group_requirements]


def _test_groups(table: Mapping[str, Any]) -> list[str]:
    return [name for name in _TEST_GROUPS if name in table]


def _group(groups: Mapping[str, Any], name: str, outer: tuple[str, ...]) -> list[str]:
    """Return the requirements of a dependency group (PEP 735) and of the groups that it includes.

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


_MISSING_MODULE = (
    re.compile(r"ModuleNotFoundError: No module named '([A-Za-z_]\w*)(?=[.'])"),
    re.compile(r"Cannot find (?:module|package) '((?:@[\w.-]+/)?[A-Za-z_][\w.-]*)"),
)


def missing_modules(output: str, files: Collection[str]) -> tuple[str, ...]:
    """Return the modules that an output reports as missing, except those that the folder may contain."""
    folder_names = {part.partition(".")[0] for path in files for part in path.split("/")}
    names = dict.fromkeys(name for pattern in _MISSING_MODULE for name in pattern.findall(output))
    return tuple(name for name in names if name not in folder_names)


def are_declared(names: Collection[str], files: Mapping[str, str | None]) -> bool:
    """Whether the folder's manifests name one of these modules as a dependency."""
    contents = {path: text.encode() for path, text in files.items() if text is not None}
    manifests = "\n".join(content.decode() for content in find_manifests(contents).values())
    text = manifests.lower().replace("_", "-")
    patterns = [re.escape(name.lower().replace("_", "-")) for name in names]
    # `name.py` in the settings of a tool is a file of the folder's own.
    return any(re.search(rf"(?<![\w/-]){pattern}(?![\w-]|\.py\b)", text) for pattern in patterns)


def is_ignored_module(name: str, files: Mapping[str, str | None]) -> bool:
    """Whether the folder's ignore files name a file or folder of this module: it is local, and not copied."""
    lines = [
        line.strip().rstrip("/").rpartition("/")[2]
        for path, text in files.items()
        if path.rpartition("/")[2] == ".gitignore"
        for line in (text or "").splitlines()
    ]
    patterns = [line for line in lines if line.strip("*?.") and not line.startswith(("#", "!", "*."))]
    return any(fnmatchcase(own_name, pattern) for pattern in patterns for own_name in (name, f"{name}.py"))
