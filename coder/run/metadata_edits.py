"""Tell an edit of a project's metadata from one of the settings of its tests, in files that hold both.

Only parts that are known to be metadata may differ: whatever else a file holds may decide what passes.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

_NOT_METADATA = {"entry-points", "plugins", "scripts", "gui-scripts"}
"""Keys of `project` and of Poetry's table that register code, as pytest's plugins are registered."""
_OF_NPM = {
    *("name", "version", "description", "keywords", "homepage", "bugs", "license", "author", "contributors"),
    *("funding", "repository", "private", "engines", "os", "cpu"),
    *("dependencies", "devDependencies", "optionalDependencies", "peerDependencies"),
}
"""Keys of package.json that npm's documentation describes as metadata, and packages: a run installs none."""
_OF_SETUPTOOLS = {"[metadata]", "[options]"}


def changes_metadata_alone(path: str, before: str | None, after: str | None) -> bool:
    """Whether both texts of a file differ in nothing but the project's metadata.

    Metadata are `project` of pyproject.toml (PEP 621) and its forerunner in Poetry's table, what npm names so
    in package.json, and setuptools' sections in setup.cfg.

    Args:
        path: relative to the project's folder.
        before: None for a file that isn't there, or isn't text, as `after`.
    """
    others = _OTHERS.get(path)
    if others is None or before is None or after is None:
        return False
    try:
        # As text: values that are equal in Python, such as true and 1, may be different settings.
        return repr(others(before)) == repr(others(after))
    except (ValueError, TypeError, AttributeError, RecursionError):  # no such text, or no table
        return False


def _others_of_pyproject(text: str) -> object:
    content = tomllib.loads(text)
    project = _registering(content.pop("project", {}))
    poetry = _registering(content.get("tool", {}).pop("poetry", {}))
    return project, poetry, content


def _registering(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: table[key] for key in table if key in _NOT_METADATA}


def _others_of_package(text: str) -> object:
    content = json.loads(text)
    return {key: content[key] for key in content if key not in _OF_NPM}


def _others_of_setup(text: str) -> object:
    """Return the lines outside of the sections with metadata; each reader begins a section at such a line."""
    section, lines = "", []
    for line in text.splitlines():
        section = line.rstrip() if line.startswith("[") else section
        if section not in _OF_SETUPTOOLS or line == section:
            lines.append(line)
    return lines


_OTHERS: dict[str, Callable[[str], object]] = {
    "pyproject.toml": _others_of_pyproject,
    "package.json": _others_of_package,
    "setup.cfg": _others_of_setup,
}
"""Functions that return what of a file isn't metadata."""
