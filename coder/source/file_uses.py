"""Find the files that import, include, run or open a given file by its name, stem or folder."""

import ast
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from coder.source.languages import language_of
from coder.source.python_names import parse_source

_INCLUDING_SUFFIXES = (".html", ".htm", ".jinja", ".j2", ".tmpl", ".sql", ".mk", ".xml", ".css", ".scss")
"""Suffixes of data files that can include other files."""
_SCRIPT_SUFFIXES = (".sh", ".bash", ".mk", ".bats")
PRODUCT_FIELDS = {"main", "module", "browser", "bin", "exports", "types"}
"""Fields of package.json that name the package's own files."""
_PACKAGES = (".go", ".java", ".kt", ".scala")
"""Suffixes of languages in which the files of a package use each other without imports."""
_RUN_SCRIPT = re.compile(r"\b(?:npm|yarn|pnpm)(?: run)? ([\w:.-]+)")
_TEST_SCRIPTS = {"test", "pretest", "posttest"}

_RUNS = re.compile(
    r"\b(?:def|class|function|func|fn|fun|sub|proc)\b|=>|\)\s*\{|^[ \t]*[\w.]+\([^\n]*\);?$", re.MULTILINE
)
"""Definitions of functions and classes, and calls that are statements, in most languages."""


def is_code(path: str) -> bool:
    """Whether a file is code, by its name."""
    return language_of(path) is not None or is_script(path)


def is_script(path: str) -> bool:
    """Whether a file is a script of a shell or make, by its name."""
    return path.endswith(_SCRIPT_SUFFIXES) or "." not in PurePosixPath(path).name.lstrip(".")


def holds_data(path: str, text: str) -> bool:
    """Whether a source file only assigns values, and neither defines functions nor runs as a program."""
    tree = parse_source(text) if path.endswith(".py") else None
    if tree is None:
        return _RUNS.search(text) is None
    values = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    return all(
        isinstance(node, values) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in tree.body
    )


def find_users(
    path: str, texts: Mapping[str, str | None], *, also: Collection[str] = (), guesses: bool = True
) -> Iterator[str]:
    """Yield the files that name the file at `path`, of code, data that can include files, and `also`.

    Args:
        guesses: count a text that names only a data file's folder or suffix, since it may build the path.
    """
    words, pattern = _prefilter(path), _pattern(path, guesses=guesses)
    for user, text in texts.items():
        if text is None or user == path or not any(word in text for word in words):
            continue
        if (user in also or is_code(user) or user.endswith(_INCLUDING_SUFFIXES)) and (
            pattern.search(text) or _is_included(path, text)
        ):
            yield user


def names(text: str, path: str) -> bool:
    """Whether a text names a file."""
    return any(word in text for word in _prefilter(path)) and _pattern(path).search(text) is not None


def sees(user: str, path: str) -> bool:
    """Whether a file uses another one of its package without naming it: Go's and Java's files do."""
    first, second = PurePosixPath(user), PurePosixPath(path)
    if first.suffix != second.suffix or first.suffix not in _PACKAGES:
        return False
    here, there = (
        [part for part in one.parent.parts if part not in ("test", "main")] for one in (first, second)
    )
    return here == there


def split_scripts(text: str, started: Iterable[str] = ()) -> tuple[str, str]:
    """Return the scripts of a package.json that its tests or `started` reach, and all other entries.

    Both texts are empty if package.json can't be read.
    """
    try:
        manifest = json.loads(text)
        scripts = {str(name): str(line) for name, line in manifest.get("scripts", {}).items()}
    except (ValueError, AttributeError):
        return "", ""
    pending, reached = [*_TEST_SCRIPTS, *started], set[str]()
    while pending:
        if (name := pending.pop()) in scripts and name not in reached:
            reached.add(name)
            pending += _RUN_SCRIPT.findall(scripts[name])
    product = [json.dumps({key: manifest[key]}) for key in PRODUCT_FIELDS & manifest.keys()]
    product += [line for name, line in scripts.items() if name not in reached]
    return "\n".join(scripts[name] for name in sorted(reached)), "\n".join(product)


def _module(path: str) -> str:
    pure_path = PurePosixPath(path)
    return (
        pure_path.parent.name
        if pure_path.stem in ("__init__", "index") and pure_path.parent.name
        else pure_path.stem
    )


def _folders(path: str) -> list[str]:
    return [] if is_code(path) else [folder.name for folder in PurePosixPath(path).parents if folder.name]


def _prefilter(path: str) -> list[str]:
    return list(dict.fromkeys([_module(path), *_folders(path), *([] if is_code(path) else [_ending(path)])]))


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix or PurePosixPath(path).name


def _pattern(path: str, *, guesses: bool = True) -> re.Pattern[str]:
    """Return a pattern for mentions of a file; with guesses, also of a data file's folder or suffix alone."""
    module, name = re.escape(_module(path)), re.escape(PurePosixPath(path).name)
    patterns = [rf"(?<![\w.-]){name}(?![\w-])", rf"[/.\"'`]{module}[/\"'`]"]
    if guesses:
        patterns += [rf"[\"'`/]{re.escape(folder)}[\"'`/]" for folder in _folders(path)]
    if guesses and not is_code(path) and PurePosixPath(path).suffix:
        patterns.append(rf"[\"'`}}*]{re.escape(_ending(path))}[\"'`]")
    if path.endswith(".py"):
        patterns.append(rf"^[ \t]*(?:>>> )?(?:from|import)\b[^#\n]*\b{module}\b")
        patterns.append(rf"^[ \t]*from[ \t]+[.\w]+[ \t]+import[ \t]*\([^)]*\b{module}\b")
        patterns.append(rf"[;'\"] *(?:from|import) +[\w., ]*\b{module}\b|-m +[\w.]*\b{module}\b")
    elif language_of(path) in ("javascript", "typescript", "tsx"):
        patterns.append(rf"\b(?:node|tsx|ts-node|bun|deno run)\b[^\n&|;]*[ /]{module}(?![\w-])")
    return re.compile("|".join(patterns), re.MULTILINE)


def _is_included(path: str, text: str) -> bool:
    """Whether a text imports a whole package by `from package import *` or a folder in JavaScript."""
    return (
        False
        if PurePosixPath(path).parent.name == ""
        else f"{PurePosixPath(path).parent.name} import *" in text
    )
