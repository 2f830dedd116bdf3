"""The lines behind a tool's words: scripts of package.json, targets of a Makefile, environments of tox."""

import ast
import configparser
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from coder.base.text.strict_toml import parse_toml
from coder.source.python_names import parse_source

Line = tuple[str, str]
"""The file that holds a command line, and the line."""

_MAKE_FILES = ("GNUmakefile", "makefile", "Makefile")
_JUST_FILES = ("justfile", "Justfile", ".justfile")
_MAKE_RULE = re.compile(
    r"^([A-Za-z0-9_./ -]+?):(?![=:])([^\n]*)\n((?:[ \t]*\n|\t[^\n]*\n?|#[^\n]*\n)*)", re.MULTILINE
)
_JUST_RECIPE = re.compile(
    r"^@?([A-Za-z0-9_-]++)([^\n:=]*):(?!=)[^\n]*\n((?:[ \t]+[^\n]*\n?|[ \t]*\n)*)", re.MULTILINE
)
_MAKE_VARIABLE = re.compile(r"^([A-Za-z_]\w*)[ \t]*[:?]?=[ \t]*([^\n#]*)", re.MULTILINE)
_MAKE_USE = re.compile(r"\$\((\w+)\)|\$\{(\w+)\}")
_SETS_MORE_IN_MAKE = re.compile(
    r"^[ ]*(?:-?include|sinclude|export|unexport|\.EXPORT_ALL_VARIABLES)\b", re.MULTILINE
)
_SETS_MORE_IN_JUST = re.compile(r"^(?:export|import|set)\b", re.MULTILINE)
_TEST_NAMES = ("test", "tests", "unit", "unittest", "test-unit", "unit-test", "test_unit", "check", "pytest")
"""Names under which people run their tests, the most usual first."""
_MAX_TEXT = 1 << 20
_MAX_INI, _MAX_INI_LINE = 1 << 16, 2_000
"""Characters of an INI file and of its longest line: `configparser` takes quadratic time for a long one."""
_MAX_TARGETS = 50
"""Targets that a target of a Makefile needs, of which the lines are read."""


def lines_of_tool(texts: Mapping[str, str], tool: str, words: Sequence[str]) -> Iterator[Line]:
    """Yield the command lines that a tool runs for these words, in a project with these texts."""
    plain = [word for word in words if not word.startswith("-")]
    match tool:
        case "npm" | "yarn" | "pnpm" | "bun":
            name = next((word for word in plain if word not in ("run", "run-script")), "")
            yield from _package_script(texts, "test" if name == "t" else name)
        case "make" | "gmake":
            for target in plain or ["all"]:
                yield from _make_target(texts, target)
        case "just":
            for recipe in plain[:1] or ["default"]:
                yield from _just_recipe(texts, recipe)
        case "tox":
            yield from tox_commands(texts)
        case "nox":
            yield from nox_commands(texts)
        case "hatch":
            yield from _hatch(texts, plain)
        case "poe" | "task" | "pdm" | "poetry" | "uv" | "rye" | "invoke" | "inv":
            for name in [word for word in plain if word != "run"][:1]:
                yield from _python_task(texts, name)
        case _:
            yield from _script_file(texts, tool)


def package_scripts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the scripts of package.json by name; none if it can't be read."""
    try:
        scripts = json.loads(texts.get("package.json", "{}")).get("scripts", {})
        return {str(name): str(text) for name, text in scripts.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def _package_script(texts: Mapping[str, str], name: str) -> Iterator[Line]:
    if text := package_scripts(texts).get(name):
        yield "package.json", text


def make_targets(texts: Mapping[str, str]) -> list[str]:
    """Return the targets of the Makefile that people run tests by, the most usual first."""
    defined = {name for path in _MAKE_FILES if path in texts for name in _rules(texts[path])}
    return [name for name in _TEST_NAMES if name in defined]


def just_recipes(texts: Mapping[str, str]) -> list[str]:
    """Return the recipes of the justfile that people run tests by, the most usual first."""
    justfiles = [texts[path] for path in _JUST_FILES if path in texts]
    defined = {match[1] for text in justfiles for match in _JUST_RECIPE.finditer(text)}
    return [name for name in _TEST_NAMES if name in defined]


def _rules(text: str) -> dict[str, tuple[str, str]]:
    """Return the prerequisites and the recipe of each rule of a Makefile."""
    rules: dict[str, tuple[str, str]] = {}
    for match in _MAKE_RULE.finditer(text[:_MAX_TEXT] + "\n"):
        for name in match[1].split():
            if name not in rules or match[3].strip():
                rules[name] = (match[2], match[3])
    return rules


def _make_target(texts: Mapping[str, str], target: str, seen: set[str] | None = None) -> Iterator[Line]:
    path = next((path for path in _MAKE_FILES if path in texts), None)
    seen = seen if seen is not None else set()
    if path is None or target in seen or len(seen) > _MAX_TARGETS:
        return
    seen.add(target)
    variables = {match[1]: match[2].strip() for match in _MAKE_VARIABLE.finditer(texts[path])}
    needed, recipe = _rules(texts[path]).get(target, ("", ""))
    for line in recipe.replace("\\\n", " ").splitlines():
        text = line.strip().lstrip("@-")
        yield path, _MAKE_USE.sub(lambda use: variables.get(use[1] or use[2], use[0]), text)
    for name in needed.partition("##")[0].split():
        yield from _make_target(texts, name, seen)


def _just_recipe(texts: Mapping[str, str], recipe: str) -> Iterator[Line]:
    for path in _JUST_FILES:
        for match in _JUST_RECIPE.finditer(texts.get(path, "")):
            if match[1] == recipe:
                lines = (line.strip().lstrip("@-") for line in match[3].splitlines())
                yield from ((path, re.sub(r"\{\{[^{}]*\}\}", "", line)) for line in lines)


def does_more(texts: Mapping[str, str], tool: str, name: str) -> bool:
    """Whether a tool does more for a script than the script's lines: it sets variables, or runs others first.

    The lines alone may then have another result.
    """
    match tool:
        case "npm" | "yarn" | "pnpm":
            return not package_scripts(texts).keys().isdisjoint((f"pre{name}", f"post{name}"))
        case "make" | "gmake":
            path = next((path for path in _MAKE_FILES if path in texts), None)
            text = texts[path] if path is not None else ""
            rules = _rules(text)
            needed = re.split(r"#|\|", rules.get(name, ("", ""))[0])[0].split()
            own_variable = rf"^{re.escape(name)}\s*:[^\n=]*[^\n=:?+!]\s*[:?+]?="
            return (
                _SETS_MORE_IN_MAKE.search(text) is not None
                or re.search(own_variable, text, re.MULTILINE) is not None
                or any(other not in rules for other in needed)
            )
        case _:
            text = "\n".join(texts.get(path, "") for path in _JUST_FILES)
            header = rf"^@?{re.escape(name)}\b[^\n:=]*:(?!=)[ \t]*[^\s#]"
            return (
                _SETS_MORE_IN_JUST.search(text) is not None
                or re.search(header, text, re.MULTILINE) is not None
            )


class _Ini(configparser.ConfigParser):
    """A parser that ends at the first line that it can't parse: it would join messages in quadratic time."""

    def _handle_error(self, exc: object, fpname: str, lineno: int, line: str) -> configparser.ParsingError:
        raise configparser.ParsingError(f"{fpname}, line {lineno}")


def _ini(text: str) -> configparser.ConfigParser:
    settings = _Ini(interpolation=None, strict=False)
    try:
        if len(text) <= _MAX_INI and max(map(len, text.splitlines()), default=0) <= _MAX_INI_LINE:
            settings.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser()
    return settings


def table_of(texts: Mapping[str, str], *names: str) -> Mapping[str, Any]:
    """Return a table of pyproject.toml; empty if there is none, or the file can't be read."""
    try:
        table: Any = parse_toml(texts.get("pyproject.toml", ""))
    except ValueError:
        return {}
    for name in names:
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def tox_commands(texts: Mapping[str, str]) -> Iterator[Line]:
    """Yield the commands of tox's environments, those of the default environment first."""
    settings = table_of(texts, "tool", "tox")
    legacy = settings.get("legacy_tox_ini")
    sources = {**{path: texts.get(path) for path in ("tox.ini", "setup.cfg")}, "pyproject.toml": legacy}
    for path, text in sources.items():
        ini = _ini(text if isinstance(text, str) else "")
        names = [name for name in ini.sections() if name == "testenv" or name.startswith("testenv:")]
        for name in sorted(names, key=lambda name: (name != "testenv", "test" not in name.partition(":")[2])):
            commands = ini.get(name, "commands", fallback="").replace("\\\n", " ")
            lines = commands.splitlines()
            yield from ((path, re.sub(r"^\{?py\w*\}?: ", "", line)) for line in lines)
    environments = settings.get("env")
    tables = [*environments.values()] if isinstance(environments, dict) else []
    for table in (settings.get("env_run_base"), *tables):
        for command in table.get("commands", ()) if isinstance(table, dict) else ():
            if isinstance(command, list):
                yield "pyproject.toml", " ".join(_word(word) for word in command if _word(word))


def _word(word: object) -> str:
    """Return a word of a command in tox.toml; that of a replacement is its default."""
    if isinstance(word, dict):
        default = word.get("default", ())
        return " ".join(map(str, default)) if isinstance(default, list) else ""
    return shlex.quote(str(word)) if " " in str(word) else str(word)


def nox_commands(texts: Mapping[str, str]) -> Iterator[Line]:
    """Yield the commands that the sessions of noxfile.py run, those of sessions named for tests first."""
    tree = parse_source(texts.get("noxfile.py", "")[:_MAX_TEXT])
    if tree is None:
        return
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda function: "test" not in function.name):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("run", "run_always"):
                words = [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
                if words and "install" not in words:
                    yield "noxfile.py", shlex.join(words)


def _hatch(texts: Mapping[str, str], words: Sequence[str]) -> Iterator[Line]:
    """Yield the command of `hatch test`, or of the script that `hatch run` names."""
    if words[:1] == ["test"]:
        yield "", "pytest tests" if any(path.startswith("tests/") for path in texts) else "pytest"
        return
    for name in words[1:2]:
        environment, _, script = name.rpartition(":")
        environments = table_of(texts, "tool", "hatch", "envs")
        for chosen in (environment, "default", "test", *environments):
            scripts = environments.get(chosen, {}).get("scripts", {}) if chosen in environments else {}
            if isinstance(scripts, dict) and (value := scripts.get(script)):
                lines = [value] if isinstance(value, str) else map(str, value)
                yield from (("pyproject.toml", line) for line in lines)


def _python_task(texts: Mapping[str, str], name: str) -> Iterator[Line]:
    """Yield the lines of a task of poe, taskipy, PDM or rye, and of a task of tasks.py."""
    for place in (("poe", "tasks"), ("taskipy", "tasks"), ("pdm", "scripts"), ("rye", "scripts")):
        value = table_of(texts, "tool", *place).get(name)
        if isinstance(value, dict):
            value = value.get("cmd") or value.get("shell") or value.get("sequence")
        if isinstance(value, str):
            yield "pyproject.toml", value
        elif isinstance(value, list):
            yield from (("pyproject.toml", item) for item in value if isinstance(item, str))


def _script_file(texts: Mapping[str, str], path: str) -> Iterator[Line]:
    """Yield the lines of a shell script of the project."""
    text = texts.get(str(PurePosixPath(path)), "")
    if text.startswith("#!") and "sh" in text.partition("\n")[0]:
        yield from ((path, line) for line in text.replace("\\\n", " ").splitlines())
