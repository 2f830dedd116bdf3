"""Refuse a test command that can decide nothing, before a model is paid."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from coder.errors import UsageError
from coder.run.message import CheckLine
from coder.run.state import State
from coder.run.target import Target, decides, is_test
from coder.source.manifests import are_declared
from coder.source.shell import shown
from coder.verify.finding import Finding
from coder.verify.preflight import beside_one_file

_INTERNAL, _USAGE, _NO_TESTS = 3, 4, 5
"""Exit codes of pytest; unittest has the last one, too."""
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
_NOT_THERE = re.compile(r"^ERROR: file or directory not found: (.+)$", re.MULTILINE)
_NO_PLUGIN = re.compile(r"\b(unrecognized arguments|Missing required plugins): (.+)$", re.MULTILINE)
_NO_TARGET = re.compile(
    r"^g?make: \*\*\* (No (?:rule to make target '[^'\n]+'\.|targets\b.*\bno makefile))", re.MULTILINE
)
_NO_MODULE = re.compile(r"\A\S*python[\d.]*: No module named '?([\w.]+)'?\Z")
"""All that an interpreter says of a module that `-m` names."""
_AT = re.compile(r'^(?:INTERNALERROR>\s+File "([^"\n]+)", line (\d+)|(\S+):(\d+): in )', re.MULTILINE)
"""A place in the traceback, as pytest words it for an error of its own and for a conftest.py."""
_ERROR = re.compile(r"^(?:INTERNALERROR>|E  ) (\w[\w.]*(?:Error|Exception|Exit|Warning)\b.*)$", re.MULTILINE)
_NOT_IMPORTED = re.compile(r"^(?:ModuleNotFoundError|ImportError)\b")


def refuse_what_decides_nothing(
    run: Finding, state: State, target: Target, *, missing: Sequence[str]
) -> None:
    """See that what the command says of the untouched files can be changed by an answer.

    Args:
        missing: modules that aren't installed, as far as the command says so.

    Raises:
        UsageError: it can't, and what to do.
    """
    command = f"The test command {shown(state.task.test_command or ())!r}"
    stderr, code = run.result.stderr, run.result.exit_code
    if run.note or (not run.lines and code == _NO_TESTS):
        advice = beside_one_file(state.task) or " Name the tests that must pass, or write them first."
        raise UsageError(f"{command} runs no tests, so it can decide nothing.{advice}")
    if not run.lines and (absent := _NOT_THERE.search(stderr)):
        where = f"{command} names what isn't in the folder: {absent[1]}."
        raise UsageError(f"{where}{beside_one_file(state.task)}")
    if not state.settings.allow and (rule := _NO_TARGET.search(stderr)):
        raise UsageError(f"{command} can't be run: {rule[1].rstrip('.')}. The Makefile is yours to write.")
    if not run.lines and code == _USAGE and (plugin := _NO_PLUGIN.search(stderr)):
        raise UsageError(
            f"{command} can't be run: {plugin[0]}. A plugin of pytest's isn't installed where the tests run. "
            "Have the tests get it with --install-with 'pip install NAME'. Or run them without the options "
            "of the settings: pytest -o addopts="
        )
    if code in (_NOT_FOUND, _NOT_EXECUTABLE) and len(run.lines) == 1:
        said = (stderr.strip().splitlines() or ["it is not there"])[-1]
        raise UsageError(
            f"{command} can't be run in the sandbox: {said}. It has /usr, the task's interpreter and "
            "the folder's own files."
        )
    if module := _NO_MODULE.search(stderr.strip()):
        raise UsageError(
            f"{command} can't be run: the task's interpreter has no module {module[1]}. Install it into the "
            "virtual environment that --python names."
        )
    if reason := _broken_setup(run, state, target):
        raise UsageError(
            f"{command} breaks before its first test: {reason}. No answer may change it: mend it first."
        )
    if broken := _unreadable(run):
        where = f"{broken.path}, line {broken.line}" if broken.path else broken.name
        errors = [text.strip() for text in broken.message.splitlines() if "Error:" in text]
        raise UsageError(
            f"The tests can't be read: {where}: {(errors or ['syntax error'])[-1]}. Tests are never changed "
            "here: mend that first."
        )
    texts = {path: file.text for path, file in state.files.items()}
    if missing and not run.passing and are_declared(missing, texts):
        raise UsageError(
            f"The tests need {', '.join(missing)}, which isn't installed: nothing runs without. Have it "
            "installed for the tests alone with --install, or install it into .venv yourself."
        )


def _unreadable(run: Finding) -> CheckLine | None:
    """The first test file with a syntax error of its own, where nothing at all could be run for it."""
    broken = [line for line in run.lines if re.search(r"SyntaxError|IndentationError", line.message)]
    if run.passing or len(broken) < len(run.lines):
        return None
    return next((line for line in broken if line.path is not None and is_test(line.path)), None)


def _broken_setup(run: Finding, state: State, target: Target) -> str | None:
    """Where and why a conftest.py or a plugin broke; None where an answer may have to do with it.

    It may where the traceback goes through a file that an answer can write, where the file that broke names
    one, and where a module is missing, which it could write.
    """
    if run.lines or run.result.exit_code not in (_INTERNAL, _USAGE):
        return None
    errors = _ERROR.findall(run.said)
    if not errors or _NOT_IMPORTED.match(errors[-1]):
        return None
    places = [(_path(match[1] or match[3], state), match[2] or match[4]) for match in _AT.finditer(run.said)]
    own = [(path, line) for path, line in places if path is not None]
    writable = [path for path in state.files if not decides(path, state.task, target)]
    if any(path in writable or _names(state, path, writable) for path, _ in own):
        return None
    where = "{}, line {}: ".format(*own[-1]) if own else ""
    return f"{where}{errors[-1]}"


def _path(said: str, state: State) -> str | None:
    """The file of the folder that a path of the traceback means."""
    parts = PurePosixPath(said).parts
    tails = ("/".join(parts[i:]) for i in range(len(parts)))
    return next((tail for tail in tails if tail in state.files), None)


def _names(state: State, path: str, others: list[str]) -> bool:
    """Whether a file has the name of one of the others in it, be it as a module or in a string."""
    words = set(re.findall(r"\w+", state.files[path].text or ""))
    return any(PurePosixPath(other).name.partition(".")[0] in words for other in others)
