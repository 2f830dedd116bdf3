"""Read command lines that a project's files contain: whether they run tests, by which command.

A line is followed through launchers (`uv run`, `coverage run`) and through the scripts that it names (`npm
test`, `make test`, `tox`) to the runner that reports the tests. Only known runners count.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import PurePosixPath

from coder.run.command_inputs import split_assignments
from coder.source.shell import split_line

Argv = tuple[str, ...]
Follow = Callable[[str, Sequence[str]], Iterator[tuple[str, str]]]
"""Returns the lines that a tool runs, each after its file, by the tool's name and the words after it."""
Found = tuple[str, Argv, str]
"""Folder and words of a test command, and the file that holds it; "": that of the line."""

PYTEST: Argv = ("python", "-m", "pytest", "-q")
_MAX_DEPTH = 6
"""Maximum number of scripts that call one another."""
_PYTHON = re.compile(r"(?:.*/)?(?:python(?:3(?:\.\d+)?)?|\$\{?PYTHON\}?|\$\(PYTHON\)|py)")
_PLACEHOLDER = re.compile(r"\{(?:(?:posargs|args|tty)(?::([^{}]*))?|env:\w+:([^{}]*))\}")
"""Placeholder of tox and hatch for further arguments or a variable, with the default."""
_REST = re.compile(r"""["']?\$(?:@|\*|\{@\}|\{\*\}|\(ARGS\)|\{ARGS\}|\(PYTEST_ARGS\)|\{PYTEST_ARGS\})["']?""")
_PLACE_OF_TOOL = re.compile(r"\$[({]?\w+[)}]?/?(?:bin/)?(?=(?:python3?|pytest|py\.test|coverage|tox|nox)\b)")
"""Variable with the folder of a virtual environment, before the name of its program."""
_UNRESOLVED = re.compile(
    r"\$[\w({@*#?$!-]|[`{}<>]|\.\.\.(?!/?$)|…|^\[.*\]$"
    r"|^(?:-u|--?update(?:-?[sS]napshots?)?|--snapshot-update|--force-regen|--regen-all|--accept|--bless)$"
    r"|^--inline-snapshot|^(?:\w*UPDATE\w*|BLESS|TAP_SNAPSHOT)=|^(?:--collect-only|--co|--no-run|--help)$"
)
"""A variable, a placeholder, a redirection, or an option that rewrites what tests expect, or runs none."""
_SEPARATOR = re.compile(r"&&|\|\||[;|\n]")
_PREFIXES = {"sudo", "time", "nice", "xvfb-run", "exec", "command", "cross-env", "dotenv", "--"}
_REPORTS_OF_PYTEST = re.compile(
    r"-(?:[vqsxl]+|r[a-zA-Z]+|n\w+)|--(?:verbose|quiet|exitfirst|no-header|no-summary|showlocals|no-cov|pdb"
    r"|(?:cov|junit-?xml|html|json-report|tb|color|durations|maxfail|timeout|reruns|benchmark|dist"
    r"|numprocesses|self-contained-html|codspeed|report-log|capture|basetemp|memray|parallel-threads)[\w-]*(?:=.*)?)"
)
"""Options of pytest that change what is printed or how fast, not which tests run."""
_VALUES_OF_PYTEST = {"-n", "--cov", "--cov-report", "--cov-config", "--junitxml", "--junit-xml", "--tb",
                     "--durations", "--maxfail", "--timeout", "--reruns", "--html", "--dist", "--color",
                     "--numprocesses", "--capture", "--basetemp", "--parallel-threads"}  # fmt: skip
"""Those whose value is the next word, also if it is no number."""
_NUMBER = re.compile(r"\d[\d.]*")
_TEST_SCRIPT = re.compile(r"(?:\./)?(?:tests?|spec)(?:/[\w./-]+|\.[cm]?js)?")
"""File of tests that a program of Node's runs by itself."""
_NODE_VALUES = {"-C", "--conditions", "-r", "--require", "--import", "--loader", "--env-file"}
"""Options of `node` whose value is the next word."""
_WORDS_OF_NPX = {"exec", "dlx", "--", "--yes", "-y", "--no-install"}
_RUNNERS_OF_SCRIPTS = {"mocha", "ava", "tap", "tape", "uvu", "borp"}
"""Runners of Node's that are started with the files of tests."""
_STARTERS_OF_NODE = {"c8", "nyc"}
"""Tools that measure the coverage of the command after their own options."""
_TASKS_OF_JAVA = {"test", "verify", "check", "build"}
"""Tasks of Maven and Gradle that run the tests."""
_PYTHON_SCRIPT = re.compile(r"(?:tests?/)?(?:run_?tests?|runtests|test_?\w*|\w*_tests?)\.py")
_COVERAGE_VALUES = {"--source", "--omit", "--include", "--rcfile", "--context", "--concurrency"}
_SELECTS_ONE = re.compile(r"::|^-k$|^--lf$|^--last-failed$|path/to|/test_(?:foo|bar|example|something)\b")
_TOOLS = {"tox", "nox", "npm", "yarn", "pnpm", "bun", "make", "gmake", "just", "hatch", "poe", "task", "pdm",
          "poetry", "uv", "rye", "invoke", "inv"}  # fmt: skip
"""Tools that run what a file of the project says."""
_PACKAGE_MANAGERS = {"npm", "yarn", "pnpm"}


@dataclass(frozen=True, slots=True)
class CommandLines:
    """Reader of the lines of one project."""

    follow: Follow
    """Returns the lines behind a tool's words."""
    known: dict[tuple[str, int], Found | None] = field(default_factory=dict)
    """Results by line and depth, as scripts that call one another name many lines again."""

    def test_command(self, line: str, *, depth: int = 0) -> Found | None:
        """Return the test command that a line comes down to; None if it runs no tests.

        Of several commands in a line the first that runs tests counts, in the folder of the `cd` before it.
        """
        if (line, depth) not in self.known:
            self.known[line, depth] = self._of_line(line, depth) if depth <= _MAX_DEPTH else None
        return self.known[line, depth]

    def _of_line(self, line: str, depth: int) -> Found | None:
        folder = "."
        for part in _SEPARATOR.split(_without_rest(line)):
            words = _words(part)
            if not words:
                continue
            if words[0] == "cd" and len(words) == 2:
                folder = str(PurePosixPath(folder, words[1]))
                continue
            found = self._of_words(words, depth)
            if found is not None:
                return str(PurePosixPath(folder, found[0])), *found[1:]
        return None

    def _of_words(self, words: list[str], depth: int) -> Found | None:
        while words and words[0].lstrip("@-") in ("", *_PREFIXES):
            words = words[1:]
        if not words:
            return None
        words[0] = words[0].lstrip("@")
        if words[0] in ("uvx", "pipx") or (
            words[0] == "npx" and words[1:2] and words[1] in _STARTERS_OF_NODE
        ):
            words = [word for word in words[1:] if word != "run"]
            if not words:
                return None
        if words and words[0] in _STARTERS_OF_NODE:
            tools = {*_PACKAGE_MANAGERS, *_RUNNERS_OF_SCRIPTS, "node", "npx", "jest", "vitest"}
            words = [*dropwhile(lambda word: word not in tools, words)] or words
        variables, argv = split_assignments(words)
        set_first = tuple(f"{name}={value}" for name, value in variables.items())
        command = runner_command(argv)
        if command is not None:
            whole = (*set_first, *command)
            return (".", whole, "") if is_plain(whole) else None
        tool = PurePosixPath(argv[0]).name
        if not is_plain(set_first):
            return None
        if tool not in _TOOLS and not argv[0].endswith((".sh", ".bash")) and "/" not in argv[0]:
            if _PYTHON.fullmatch(argv[0]) and len(argv) > 2 and argv[1] == "-m" and argv[2] in _TOOLS:
                return self._of_words(list(argv[2:]), depth)
            return None
        for path, line in self.follow(argv[0] if "/" in argv[0] else tool, argv[1:]):
            found = self.test_command(line, depth=depth + 1)
            if found is not None:
                folder, inner, place = found
                if tool in _PACKAGE_MANAGERS and self._is_whole_script(argv, line, inner):
                    return folder, (*set_first, *_script_words(argv)), ""
                return folder, (*set_first, *inner), place or path
        return None

    def _is_whole_script(self, argv: Sequence[str], line: str, inner: Argv) -> bool:
        """Whether a script is run by its name: it is this command alone, or another script runs before it."""
        before = f"pre{_script_name(argv)}"
        return _is_unchanged(line, inner) or any(self.follow(PurePosixPath(argv[0]).name, ("run", before)))


def _script_name(argv: Sequence[str]) -> str:
    """Return the script that a package manager runs; empty if none is named."""
    words = (word for word in argv[1:] if not word.startswith("-") and word not in ("run", "run-script"))
    name = next(words, "")
    return "test" if name == "t" else name


def _script_words(argv: Sequence[str]) -> Argv:
    """Return npm's call of a script of package.json, without options and without arguments for the script.

    Other package managers run the same, and may not be installed.
    """
    name = _script_name(argv)
    return ("npm", "test") if name == "test" else ("npm", "run", name)


def _is_unchanged(line: str, argv: Argv) -> bool:
    """Whether a script is this command alone, so that `npm test` runs nothing else."""
    words = _words(line) if not _SEPARATOR.search(line) else []
    return words == [*argv] or ["npx", *words] == [*argv]


def is_plain(argv: Sequence[str]) -> bool:
    """Whether a command is whole: no variable or placeholder is left, and it doesn't select single tests."""
    return not any(_UNRESOLVED.search(word) or _SELECTS_ONE.search(word) for word in argv)


def runner_command(argv: Sequence[str]) -> Argv | None:
    """Return the command of a known runner, without options for reports; None for any other command."""
    tool, arguments = PurePosixPath(argv[0]).name, list(argv[1:])
    if tool == "coverage" and arguments[:1] == ["run"]:
        return _of_coverage(arguments[1:])
    if _PYTHON.fullmatch(argv[0]):
        return _of_python(arguments)
    if tool in ("npx", "bunx") or (tool in _PACKAGE_MANAGERS and arguments[:1] in (["exec"], ["dlx"])):
        inner = [word for word in arguments if word not in _WORDS_OF_NPX]
        command = runner_command(inner) if inner else None
        return command if command is None or command[0] in ("node", "npx") else ("npx", *command)
    match tool, arguments[:1]:
        case (("pytest" | "py.test"), _):
            return (*PYTEST, *_without_reports(arguments))
        case "django-admin", ["test"]:
            return ("python", "-m", "django", *arguments)
        case "node", _ if "--test" in arguments:
            return ("node", *_without(arguments, r"--watch|--experimental-test-coverage|--test-reporter.*"))
        case "jest", _:
            return ("npx", "jest", *_without(arguments, r"--(?:watch|watchAll|coverage|ci|silent|verbose).*"))
        case "vitest", (["watch"] | ["dev"] | ["bench"] | ["typecheck"]):
            return None
        case "vitest", _:
            rest = _without(arguments, r"run|--(?:watch|coverage|ui|reporter|run).*|-w")
            return ("npx", "vitest", "run", *rest)
        case _ if tool in _RUNNERS_OF_SCRIPTS:
            return ("npx", tool, *_without(arguments, r"--watch.*|-w"))
        case "node", _ if arguments and _is_test_script(arguments):
            return ("node", *arguments)
        case "go", ["test"]:
            kept = _without(arguments[1:], r"-v|-race|-cover.*|-json|-count=\d+|-failfast")
            return ("go", "test", *kept) if any(not word.startswith("-") for word in kept) else (
                "go", "test", *kept, "./...",
            )  # fmt: skip
        case "cargo", ["test"] | ["t"]:
            return ("cargo", "test", *_without(arguments[1:], r"-v+|--verbose|-q|--quiet|--color.*"))
        case "deno" | "bun", ["test"]:
            return tuple(argv)
        case (("mvn" | "mvnw" | "gradle" | "gradlew"), _) if _TASKS_OF_JAVA & {*arguments}:
            return (argv[0], "test")
        case (("ctest" | "rspec" | "phpunit"), _):
            return tuple(argv)
        case (("dotnet" | "mix" | "swift" | "dart" | "zig"), ["test"]):
            return tuple(argv)
    return None


def _of_python(arguments: list[str]) -> Argv | None:
    if arguments and (bundle := re.fullmatch(r"(-[bBdEIOqsSuvx]+)m", arguments[0])):
        arguments = [bundle[1], "-m", *arguments[1:]]
    while arguments and re.fullmatch(r"-[bBdEIOqsSuvx]+|-W.*|-X.*", arguments[0]):
        has_value = arguments[0] in ("-W", "-X")
        arguments = arguments[2 if has_value else 1 :]
    match arguments:
        case ["-m", ("pytest" | "py.test"), *rest]:
            return (*PYTEST, *_without_reports(rest))
        case ["-m", "unittest", *rest]:
            return ("python", "-m", "unittest", *_without(rest, r"-v|--verbose|-b|--buffer|-f|--failfast"))
        case ["-m", "coverage", "run", *rest]:
            return _of_coverage(rest)
        case ["-m", "django", "test", *_]:
            return ("python", *arguments)
        case [script, "test", *_] if PurePosixPath(script).name == "manage.py":
            return ("python", *arguments)
        case [script] if _PYTHON_SCRIPT.fullmatch(script):
            return ("python", script)
    return None


def _of_coverage(arguments: list[str]) -> Argv | None:
    while arguments and arguments[0].startswith("-") and arguments[0] != "-m":
        arguments = arguments[2 if arguments[0] in _COVERAGE_VALUES else 1 :]
    return _of_python(arguments)


def _is_test_script(arguments: Sequence[str]) -> bool:
    """Whether the arguments of `node` are options and one file of tests."""
    *options, script = arguments
    values = [word for before, word in zip(["", *options], options, strict=False) if before in _NODE_VALUES]
    return bool(_TEST_SCRIPT.fullmatch(script)) and all(
        word.startswith("-") or word in values for word in options
    )


def _without_reports(arguments: Sequence[str]) -> list[str]:
    """Return pytest's arguments without options that only change its reports."""
    kept, option = list[str](), ""
    for word in arguments:
        is_value = option in _VALUES_OF_PYTEST or (option != "" and _NUMBER.fullmatch(word) is not None)
        if is_value and not word.startswith("-"):
            option = ""
        elif word in _VALUES_OF_PYTEST or _REPORTS_OF_PYTEST.fullmatch(word):
            option = word
        else:
            option = ""
            if word != ".":
                kept.append(word.rstrip("/") if len(word) > 1 else word)
    return kept


def _without(arguments: Sequence[str], pattern: str) -> list[str]:
    return [word for word in arguments if not re.fullmatch(pattern, word)]


def _without_rest(line: str) -> str:
    """Return a line without placeholders for further arguments, and with the defaults of those."""
    whole = _PLACE_OF_TOOL.sub("", _REST.sub("", re.sub(r"\\\n\s*", " ", line)))
    return _PLACEHOLDER.sub(lambda match: match[1] or match[2] or "", whole)


def _words(part: str) -> list[str]:
    """Return the words of a command; none if it can't be split, or is a comment."""
    text = part.strip()
    if text.startswith("#"):
        return []
    try:
        return split_line(text, comments=True)
    except ValueError:
        return []


def quoted(argv: Sequence[str]) -> str:
    """Return a command as a line of a shell; assignments before it stay as they are."""
    return " ".join(word if re.match(r"[A-Za-z_]\w*=", word) else shlex.quote(word) for word in argv)
