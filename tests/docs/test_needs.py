"""tests/needs.txt lists each file of tests with what these ask for beside Python packages."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
DOORS = {
    "tests.docker_engine.docker_engine": "docker",
    "tests.sandbox.docker.test_remote_engine.podman": "podman",
    "tests.browser.require_chromium": "browser",
    "tests.postgres.server": "postgres",
    "tests.ssh_host.ssh_host": "ssh",
    "tests.programs.require_toolchain": "languages",
    "tests.programs.require_npm": "npm",
    "tests.programs.require_embedded_model": "embedded",
}
"""The fixtures and functions by which tests reach what they need: each skips where that is missing."""
PLUGINS = ("tests.conftest", "tests.docker_engine", "tests.postgres", "tests.object_store")
"""The modules whose fixtures every test may ask for."""


class Global(NamedTuple):
    """What a global name of a file stands for."""

    full_name: str
    """Module and name, there where it is defined."""
    is_fixture: bool
    mentions: frozenset[str]
    """The names in its piece of code; none of what is imported."""


def mentioned(node: ast.AST) -> Iterator[str]:
    """Yield names in a piece of code: of values, of arguments, and of fixtures that a string asks for."""
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.arg(arg=name):
                yield name
            case ast.Call(func=ast.Attribute(attr="usefixtures" | "getfixturevalue"), args=words):
                yield from (str(word.value) for word in words if isinstance(word, ast.Constant))


@cache
def names_of(module: str) -> dict[str, Global]:
    """Return the global names of a file; '' stands for all of it, `autouse` for fixtures of every test."""
    names, autouse, whole = dict[str, Global](), frozenset[str](), frozenset[str]()
    for part in ast.parse(file_of(module).read_text()).body:
        if isinstance(part, ast.ImportFrom):
            for alias in part.names:
                names[alias.asname or alias.name] = Global(f"{part.module}.{alias.name}", True, frozenset())
            continue
        mentions = frozenset(mentioned(part))
        whole |= mentions
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            decorators = "".join(map(ast.dump, part.decorator_list))
            names[part.name] = Global(f"{module}.{part.name}", "fixture" in decorators, mentions)
            autouse |= mentions if "autouse" in decorators else frozenset()
        elif isinstance(part, ast.Assign | ast.AnnAssign):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            for name in (one.id for one in targets if isinstance(one, ast.Name)):
                names[name] = Global(f"{module}.{name}", False, mentions)
    names[""], names["autouse"] = (
        Global(f"{module}.", False, whole),
        Global(f"{module}.autouse", True, autouse),
    )
    return names


def file_of(module: str) -> Path:
    """Return the file of a module."""
    return ROOT / f"{module.replace('.', '/')}.py"


def fixture(module: str, name: str) -> Global | None:
    """Return a fixture that a file defines or imports."""
    found = names_of(module).get(name)
    return found if found is not None and found.is_fixture else None


def needs_of(path: Path) -> set[str]:
    """Return what the tests of a file ask for, by the names that they mention, and by those behind these."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    folders = [folder for folder in path.parents if folder.is_relative_to(ROOT)]
    above = [".".join((*folder.relative_to(ROOT).parts, "conftest")) for folder in folders]
    fixtures = [*(one for one in above if one.startswith("tests") and file_of(one).exists()), *PLUGINS]
    waiting = [(module, ""), *((one, "autouse") for one in fixtures)]
    seen, needs = set[tuple[str, str]](), set[str]()
    while waiting:
        place, name = waiting.pop()
        if (place, name) in seen:
            continue
        seen.add((place, name))
        named = names_of(place).get(name) or next(
            filter(None, (fixture(one, name) for one in fixtures)), None
        )
        if named is None:
            continue
        if named.full_name in DOORS:
            needs.add(DOORS[named.full_name])
            continue
        source, _, source_name = named.full_name.rpartition(".")
        waiting += [(source, one) for one in named.mentions]
        if source.startswith("tests") and file_of(source).is_file():
            waiting.append((source, source_name))
    return needs


@pytest.mark.slow
def test_each_file_is_listed_with_what_its_tests_need_and_with_nothing_else() -> None:
    lines = (ROOT / "tests" / "needs.txt").read_text().splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    files = sorted((ROOT / "tests").rglob("test_*.py"))

    needed = {f"{need} {path.relative_to(ROOT)}" for path in files for need in needs_of(path)}

    assert sorted(needed - listed) == []
    assert sorted(listed - needed) == []
