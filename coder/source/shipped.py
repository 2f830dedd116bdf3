"""Find the code that a project ships, by its manifests and its layout. Pure."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePosixPath

from coder.source.file_uses import PRODUCT_FIELDS, is_code
from coder.source.manifests import OTHER_FOLDERS

_NOT_PACKAGES = OTHER_FOLDERS | {"ci", "bin", "build", "scripts", "tools", "tasks", "util", "utils"}
"""Folders that setuptools' automatic discovery leaves out, too."""
_IS_PROJECT = re.compile(r"^\[(?:project|tool\.poetry|build-system)\]", re.MULTILINE)
_NAME = re.compile(r"(?:^|\()\s*name\s*=\s*[\"']?([\w.-]+)", re.MULTILINE)
_LISTED = re.compile(
    r"\b(?:packages|py[_-]modules)\s*=\s*(\[[^\]]*\]|[^\n]*(?:\n[ \t]+[^\n]*)*)", re.MULTILINE
)
_ENTRY = re.compile(r"[\"'=]\s*([\w.]+):\w+")
"""Entry points, as `module:function`."""
_WORD = re.compile(r"[\w.]+")


def find_shipped(texts: Mapping[str, str | None]) -> frozenset[str]:
    """Return the files that the projects of a folder ship; empty if nothing says which code that is."""
    shipped = {path for path in texts if path.startswith("src/")}
    for manifest, text in texts.items():
        path = PurePosixPath(manifest)
        find = _FINDERS.get(path.name) or _FINDERS.get(path.suffix)
        if find is not None and not OTHER_FOLDERS & {*path.parts}:
            prefix = manifest.removesuffix(path.name)
            files = {file.removeprefix(prefix) for file in texts if file.startswith(prefix)}
            shipped |= {prefix + file for file in find(text or "", files)}
    return frozenset(shipped if any(map(is_code, shipped)) else ())


def _of_python(text: str, files: Collection[str]) -> Iterator[str]:
    """Yield sources, packages, and what a manifest of Python names."""
    if "[tool." in text and not _IS_PROJECT.search(text):
        return  # the file only configures tools
    names = {match[1].replace("-", "_").lower() for match in _NAME.finditer(text)}
    names |= {word for match in _LISTED.finditer(text) for word in _WORD.findall(match[1])}
    names |= {match[1].partition(".")[0] for match in _ENTRY.finditer(text)}
    for file in files:
        top, _, rest = file.partition("/")
        is_package = f"{top}/__init__.py" in files and top not in _NOT_PACKAGES
        if (rest and (top == "src" or is_package)) or top.removesuffix(".py") in names:
            yield file


def _of_node(text: str, files: Collection[str]) -> Iterator[str]:
    """Yield the files that package.json names, or the folders of sources if these are built."""
    try:
        manifest = json.loads(text)
        fields = [manifest[name] for name in sorted({*PRODUCT_FIELDS, "files"} & manifest.keys())]
    except (ValueError, AttributeError):
        return
    named = {name.removeprefix("./").partition("*")[0].rstrip("/") for name in _strings(fields)}
    stems = {name.rpartition(".")[0] or name for name in named | {"index.js"}} - {""}
    shipped = {
        file
        for file in files
        if PurePosixPath(file).stem and (file.rpartition(".")[0] in stems or _is_below(file, named))
    }
    yield from shipped
    if not any(map(is_code, shipped)):
        yield from (file for file in files if _is_below(file, {"src", "lib", "source"}))


def _strings(value: object) -> Iterator[str]:
    """Yield the strings of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _is_below(file: str, folders: Collection[str]) -> bool:
    return any(folder and file.startswith(f"{folder}/") for folder in folders)


def _below(*folders: str) -> Callable[[str, Collection[str]], Iterator[str]]:
    """Return a finder of the files in these folders."""
    return lambda text, files: (file for file in files if _is_below(file, folders))


def _of_go(text: str, files: Collection[str]) -> Iterator[str]:
    return (file for file in files if file.endswith(".go") and not file.endswith("_test.go"))


_FINDERS: Mapping[str, Callable[[str, Collection[str]], Iterator[str]]] = {
    **dict.fromkeys(("pyproject.toml", "setup.py", "setup.cfg"), _of_python),
    "package.json": _of_node,
    "go.mod": _of_go,
    **dict.fromkeys(("Cargo.toml", "composer.json"), _below("src")),
    **dict.fromkeys(("pom.xml", "build.gradle", "build.gradle.kts"), _below("src/main")),
    ".gemspec": _below("lib"),
}
"""Functions from a manifest and the files beside and below it to those that it ships."""
