"""Command lines that a project's notes and CI files contain."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from coder.config.strict_yaml import read_yaml

NOTES = ("AGENTS.md", "CLAUDE.md", ".github/CONTRIBUTING.md", "CONTRIBUTING.md", "docs/CONTRIBUTING.md",
         "CONTRIBUTING.rst", "CONTRIBUTING.txt", "CONTRIBUTING")  # fmt: skip
"""Notes that say how people work on a project, those for agents first."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)^[ \t]*\1", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_INDENTED = re.compile(r"^(?:[ ]{2,}|\t)\s*(\S[^\n]*)$", re.MULTILINE)
_FORBIDS = re.compile(
    r"\b(?:do(?:n['’]t| not)|never|avoid|instead of|rather than)[\s*_]+(?:[\w-]+[\s*_]+){0,4}$", re.IGNORECASE
)
"""End of the words before a command that people are told not to use."""
_PROMPT = re.compile(r"^\s*(?:\([\w.-]+\)\s*)?(?:\$|>|%)\s+")
_GITHUB = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_GITLAB = ".gitlab-ci.yml"
_MATRIX = re.compile(r"\$\{\{[^{}]*\}\}")
_MAX_TEXT = 256 << 10
_MAX_WORKFLOWS = 6
_NAMES_OF_TESTS = re.compile(r"test|^ci|ci$|build|check|python|node|main|^go|rust", re.IGNORECASE)


def noted_lines(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (path, line) of the code blocks of a project's notes, then of its inline code about tests."""
    for path in NOTES:
        text = texts.get(path, "")[:_MAX_TEXT]
        blocks = [match[2] for match in _FENCE.finditer(text)]
        if not path.endswith(".md"):
            blocks += _INDENTED.findall(text)
        for block in blocks:
            yield from ((path, _PROMPT.sub("", line)) for line in block.splitlines())
        for line in text.splitlines():
            if "test" in line.lower():
                codes = _INLINE.finditer(line)
                yield from ((path, code[1]) for code in codes if not _FORBIDS.search(line[: code.start()]))


def ci_lines(texts: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (path, folder, script) of the steps of CI files: GitHub's workflows and GitLab's jobs."""
    workflows = [path for path in texts if _GITHUB.fullmatch(path)]
    by_name = sorted(workflows, key=lambda path: (not _NAMES_OF_TESTS.search(PurePosixPath(path).stem), path))
    for path in by_name[:_MAX_WORKFLOWS]:
        document = _document(texts[path])
        for job in _mapping(document.get("jobs")).values():
            folder = _working_directory(job) or _working_directory(document)
            for step in _list(_mapping(job).get("steps")):
                script = _mapping(step).get("run")
                if isinstance(script, str):
                    own_folder = _mapping(step).get("working-directory")
                    place = own_folder if isinstance(own_folder, str) else folder
                    yield path, place or ".", _joined(script)
    for name, job in _document(texts.get(_GITLAB, "")).items():
        script = _mapping(job).get("script")
        if not str(name).startswith(".") and script is not None:
            lines = [script] if isinstance(script, str) else _list(script)
            yield _GITLAB, ".", _joined("\n".join(line for line in lines if isinstance(line, str)))


def _joined(script: str) -> str:
    """Return a script with continued lines joined; a value of the build matrix is left out of its word."""
    return _MATRIX.sub("", re.sub(r"\\\n\s*", " ", script))


def _document(text: str) -> Mapping[Any, Any]:
    try:
        return _mapping(read_yaml(text[:_MAX_TEXT])) if text else {}
    except (ValueError, RecursionError):
        return {}


def _working_directory(table: object) -> str | None:
    value = _mapping(_mapping(_mapping(table).get("defaults")).get("run")).get("working-directory")
    return value if isinstance(value, str) else None


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
