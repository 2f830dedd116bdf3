"""The tests that are nearest to the files of a task, by the selection that each runner documents. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath

from coder.base.text.strict_toml import parse_toml
from coder.config.project_tests.command_lines import Argv, CommandLines
from coder.config.project_tests.named_tests import PYTHON_TEST, in_folder, test_file_command
from coder.config.project_tests.scripts import does_more, lines_of_tool, package_scripts
from coder.run.command_inputs import split_folder
from coder.run.found_tests import FoundTests
from coder.source.file_uses import find_users

_OTHER_TEST = re.compile(
    r".*[._-](?:test|spec)\.\w+|(?:.*/)?(?:tests?|__tests__|spec)/.*\.[cm]?[jt]sx?"
    r"|(?:.*/)?tests/(?:\w+/main|\w+)\.rs|(?:.*/)?src/test/.*(?:/Test\w*|Tests?|TestCase)\.java"
)
_TEST_IN_RUST = re.compile(r"#\[(?:cfg\(test\)|(?:\w+::)*test\b)")
_TEST_AFFIX = re.compile(r"^tests?_|_tests?$|[._-](?:test|spec)$|^Test(?=[A-Z])|Test(?:s|Case)?$")
_PLACES_OF_PYTEST = {
    *("-c", "--config-file", "--rootdir", "--confcutdir", "--basetemp"),
    *("--ignore", "--ignore-glob", "--deselect"),
}
"""Options of pytest whose value is a file or folder that it doesn't run."""
_PLACES_OF_MOCHA = {
    *("-r", "--require", "--import", "--config", "--package", "--file", "--ignore", "--exclude", "--loader"),
    *("--experimental-loader", "-n", "--node-option", "--watch-files", "--watch-ignore", "-R", "--reporter"),
}
"""Options of mocha whose value may be a file that it doesn't run as a test."""
_SELECTS_IN_CARGO = {"-p", "--package", "--lib", "--bin", "--bins", "--test", "--tests", "--example", "--doc"}
_MAX_NAMED = 20
"""Maximum number of named files that tests are looked for."""
_MAX_NEAREST = 10
"""Maximum number of test files that are nearest to a task's."""


def nearest_tests(found: FoundTests, named: Collection[str], texts: Mapping[str, str]) -> FoundTests | None:
    """Return the tests of a command's runner that are nearest to named files; None if there are none.

    These are the named test files, then those with a named file's name, then those that import or name it.
    Only runners that `_narrowed` names can be asked for files.
    """
    folder, argv = split_folder(found.argv)
    prefix = "" if folder == "." else f"{folder}/"
    own_texts = {path.removeprefix(prefix): text for path, text in texts.items() if path.startswith(prefix)}
    own_named = [path.removeprefix(prefix) for path in named if path.startswith(prefix)][:_MAX_NAMED]
    tests = list(dict.fromkeys(_near(own_named, own_texts)))
    if not tests:
        return None
    of_kind = [path for path in tests if PurePosixPath(path).suffix == PurePosixPath(tests[0]).suffix]
    narrowed = _narrowed(argv, of_kind[:_MAX_NEAREST], own_texts)
    command = in_folder(folder, narrowed) if narrowed is not None else None
    return FoundTests(argv=command, place=found.place, nearest_to=tuple(own_named)) if command else None


def _near(named: Sequence[str], texts: Mapping[str, str]) -> Iterator[str]:
    yield from (path for path in named if _is_test(path) or _holds_tests(path, texts))
    tests = {path: text for path, text in texts.items() if _is_test(path)}
    sources = [path for path in named if path not in tests]
    stems = {PurePosixPath(path).stem for path in sources}
    yield from (path for path in tests if _TEST_AFFIX.sub("", PurePosixPath(path).stem) in stems)
    for path in sources:
        folder = PurePosixPath(path).parent
        if path.endswith(".go"):  # a package's tests lie beside it, and don't import it
            yield from (test for test in tests if PurePosixPath(test).parent == folder)
        elif path.endswith((".rs", ".java")):  # a module or a class is used without its file's name
            name = folder.name if path.endswith("/mod.rs") else PurePosixPath(path).stem
            word = re.compile(rf"\b{re.escape(name)}\b")
            yield from (test for test, text in tests.items() if word.search(text))
        else:
            yield from find_users(path, tests)


def _holds_tests(path: str, texts: Mapping[str, str]) -> bool:
    """Whether a source file of Rust holds tests, as many modules do."""
    return path.endswith(".rs") and _TEST_IN_RUST.search(texts.get(path, "")) is not None


def _is_test(path: str) -> bool:
    return (PYTHON_TEST if path.endswith(".py") else _OTHER_TEST).fullmatch(path) is not None


def _narrowed(argv: Argv, tests: Sequence[str], texts: Mapping[str, str]) -> Argv | None:
    """Return a command that runs these test files as `argv` runs all; None if the runner takes no files."""
    match argv:
        case ("python", "-m", "pytest", *_):
            return (*_without_places(argv, texts, _PLACES_OF_PYTEST), *tests)
        case ("python", "-m", "unittest", *_):
            command = test_file_command(tests, texts)
            return command if command[:3] == argv[:3] else None
        case ("go", "test", *_) if "./..." in argv:
            folders = dict.fromkeys(f"./{PurePosixPath(path).parent}" for path in tests)
            return (*(word for word in argv if word != "./..."), *folders)
        case ("npm", *_) if any(
            name in package_scripts(texts).get(argv[-1], "") for name in ("jest", "vitest")
        ):
            return (*argv, "--", *tests)
        case ("npx", "jest" | "vitest", *_) | ("node", "--test"):
            return (*argv, *tests)
        case ("npm", *_) if (inner := _of_script(argv, texts)) is not None:
            return _narrowed(inner, tests, texts)
        case ("npx", "mocha", *_) if not _sets_specs_of_mocha(texts):
            return (*_without_places(argv, texts, _PLACES_OF_MOCHA), *tests)
        case ("cargo", "test", *rest) if _SELECTS_IN_CARGO.isdisjoint(rest):
            return _of_cargo(rest, tests, texts)
        case (("mvn" | "./mvnw"), *rest):
            classes = ",".join(dict.fromkeys(PurePosixPath(path).stem for path in tests))
            return (argv[0], f"-Dtest={classes}", "-Dsurefire.failIfNoSpecifiedTests=false", *rest)
    return None


def _of_script(argv: Argv, texts: Mapping[str, str]) -> Argv | None:
    """Return the command of mocha that a script of package.json consists of; None if it is no such one."""
    script = package_scripts(texts).get(argv[-1], "")
    if does_more(texts, "npm", argv[-1]) or re.search(r"[&|;]", script):
        return None
    found = CommandLines(partial(lines_of_tool, texts)).test_command(script)
    return found[1] if found is not None and found[1][:2] == ("npx", "mocha") else None


def _sets_specs_of_mocha(texts: Mapping[str, str]) -> bool:
    """Whether settings name the test files, as mocha runs these in addition to those of its command."""
    settings = [text for path, text in texts.items() if path.startswith(".mocharc.")]
    in_manifest = re.search(r'"mocha"\s*:\s*\{[^{}]*"spec"', texts.get("package.json", ""))
    return in_manifest is not None or any("spec" in text for text in settings)


def _of_cargo(rest: Sequence[str], tests: Sequence[str], texts: Mapping[str, str]) -> Argv | None:
    """Return the command for the packages of these files; in a single package, for their targets."""
    others = [word for word in rest if word not in ("--workspace", "--all")]
    end = others.index("--") if "--" in others else len(others)
    manifests = {
        str(PurePosixPath(path).parent) for path in texts if PurePosixPath(path).name == "Cargo.toml"
    }
    selected = list[str]()
    for path in tests:
        folder = next(
            (str(parent) for parent in PurePosixPath(path).parents if str(parent) in manifests), None
        )
        if folder is None:
            return None
        inner = PurePosixPath(path).relative_to(folder)
        if len(manifests) > 1:
            name = _package_of_cargo(texts[str(PurePosixPath(folder, "Cargo.toml"))])
            words = ["-p", name] if name else []
        elif inner.parts[0] == "tests":
            words = ["--test", inner.parts[1].removesuffix(".rs")]
        else:
            words = ["--lib"] if "src/lib.rs" in texts else ["--bins"]
        if not words:
            return None
        selected += words if words not in [selected[i : i + len(words)] for i in range(len(selected))] else []
    return ("cargo", "test", *others[:end], *selected, *others[end:])


def _package_of_cargo(manifest: str) -> str:
    try:
        package = parse_toml(manifest).get("package")
    except ValueError:
        return ""
    name = package.get("name") if isinstance(package, dict) else None
    return name if isinstance(name, str) else ""


def _without_places(argv: Argv, texts: Mapping[str, str], options: Collection[str]) -> Argv:
    """Return a command without the files and folders that it runs.

    Args:
        options: options of which the value is no such file or folder.
    """
    folders = {str(parent) for path in texts for parent in PurePosixPath(path).parents}
    kept, option = list[str](), ""
    for word in argv:
        is_place = word.strip("./").partition("::")[0] in folders | texts.keys() or "*" in word
        if not is_place or option in options:
            kept.append(word)
        option = word
    return tuple(kept)
