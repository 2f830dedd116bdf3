"""Files of a change that git, its hooks, or the installation of a package start later.

What starts them names them: values of the repository's settings, hooks, and the scripts that a package
manager runs by itself. The scripts that a command there begins with are read in turn; its other words are
data to it. What a program imports, or starts by other means than a line of a shell, isn't followed.
"""

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from coder.base.fs.git_names import folded_name
from coder.base.fs.safe_open import open_folder, read_regular
from coder.base.text.sanitize import as_text
from coder.run.command_inputs import TOOL_FILES, files_of_tool
from coder.workspace.git.found import find_repository

_PACKAGE = "package.json"
_BY_THEMSELVES = (
    *("preinstall", "install", "postinstall", "prepublish", "dependencies"),
    *("preprepare", "prepare", "postprepare"),
)
"""Scripts that npm, pnpm or yarn run at an installation."""
_AT_COMMITS = ("husky", "lint-staged", "simple-git-hooks", "gitHooks", "pre-commit", "pre-push")
"""Sections whose programs hooks run."""
_HOOK_SETTINGS = (".pre-commit-config.yaml", "lefthook.yml", "lefthook.yaml", ".lefthook.yml")
_PROGRAM_LINE = re.compile(r"^[\s-]*(?:entry|run):(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_WORD = re.compile(r"[^\s'\"`;&|()<>{}$=!,]+")
_COMMENT = re.compile(r"^[ \t]*#.*", re.MULTILINE)
_COMMAND = re.compile(r"[^;&|()`\n]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_BEFORE_COMMANDS = {
    *("if", "elif", "then", "else", "while", "until", "do", "!", "exec", "command", "env", "nice", "time"),
    *("eval", "sudo", "xargs", "npx", "uv", "poetry", "pipenv", "run", "{"),
}
_INTERPRETER = re.compile(
    r"(?:.*/)?(?:(?:ba|da|z|k)?sh|python[\d.]*|node|deno|bun|tsx|ts-node|ruby|perl|php|lua|source|\.)"
)
_MOST_BYTES, _MOST_TEXTS, _LONGEST = 1 << 18, 200, 1000
_BY_SETTINGS = "git starts it by the repository's settings"
_BY_HOOKS = "hooks of the repository, or scripts of its packages, run it by themselves"
_BY_PACKAGES = "it has scripts that an installation or a hook runs by itself"


def started_files(
    root: Path, files: Mapping[str, str | None], before: Mapping[str, str | None]
) -> dict[str, str]:
    """The files of a change that will be started without a further command for them, and why: by path.

    Args:
        root: the folder that the paths are relative to.
        before: the contents of changed packages' descriptions (`package.json`) before the change.
    """
    return _Search(root, files, before).collect()


class _Search:
    """Follows names of files from what is started by itself."""

    def __init__(self, root: Path, files: Mapping[str, str | None], before: Mapping[str, str | None]) -> None:
        self._before = before
        repository = find_repository(root)
        self._top = (repository.top if repository is not None else root).resolve()
        below = root.resolve().relative_to(self._top)
        self._paths = {(below / path).as_posix(): path for path, text in files.items() if text is not None}
        self._files = files
        self._started: dict[str, str] = {}
        self._seen: set[str] = set()
        self._texts: list[tuple[str, str]] = []
        if repository is not None:
            from coder.workspace.git.pending import hooks_in, programs_named  # of a repository alone

            hooks, texts = hooks_in(repository, self._paths)
            self._started |= dict.fromkeys(hooks, _BY_SETTINGS)
            for value in programs_named(repository):
                self._follow_setting(value)
            self._texts += [("", text) for text in texts]

    def collect(self) -> dict[str, str]:
        """Return the files, with the reason for each."""
        read: set[tuple[str, str]] = set()
        self._add_settings_of_hooks()
        self._add_packages()
        for _ in range(_MOST_TEXTS):
            if not self._texts:
                break
            folder, text = self._texts.pop()
            if (folder, text) not in read:
                read.add((folder, text))
                self._follow(folder, _COMMENT.sub("", text))
        return {self._paths[whole]: why for whole, why in self._started.items()}

    def _add_settings_of_hooks(self) -> None:
        for name in _HOOK_SETTINGS:
            self._texts += [("", line) for line in _PROGRAM_LINE.findall(self._text(name) or "")]

    def _add_packages(self) -> None:
        folders = {above.as_posix() for whole in self._paths for above in PurePosixPath(whole).parents}
        for folder in sorted(folders):
            path = os.path.normpath(os.path.join(folder, _PACKAGE))
            self._add_package(folder, path)
        for whole in self._paths:
            if folded_name(PurePosixPath(whole).name) == _PACKAGE:
                self._compare(whole, set())

    def _add_package(self, folder: str, path: str) -> None:
        automatic = _automatic(self._text(path), ())
        self._texts += [(folder, text) for text in _strings(automatic)]

    def _compare(self, whole: str, scripts: set[str]) -> None:
        path = self._paths[whole]
        old, new = self._before.get(path), self._files[path]
        if _automatic(old, scripts) != _automatic(new, scripts):
            self._started.setdefault(whole, _BY_PACKAGES)

    def _follow_setting(self, value: str) -> None:
        for word in _WORD.findall(value):
            for path in _candidates("", word):
                self._take(path, _BY_SETTINGS)

    def _follow(self, folder: str, text: str) -> None:
        """Take the files that the commands of a text begin with, relative to a folder or to the top."""
        words = {*_WORD.findall(text)}
        places = {os.path.normpath(os.path.join(folder, word)) for word in words} | {folder or "."}
        for command in _COMMAND.findall(text):
            program, module = _program_of(command)
            paths = [os.path.join(folder, f"{module}{end}") for end in (".py", "/__main__.py") if module]
            for path in (*paths, *_candidates(folder, program)):
                self._take(os.path.normpath(path), _BY_HOOKS)
            for name in files_of_tool(PurePosixPath(program).name):
                for place in places:
                    self._take_file_of_tool(os.path.normpath(os.path.join(place, name)), words)

    def _take(self, whole: str, why: str) -> None:
        if whole in self._seen or PurePosixPath(whole).name in TOOL_FILES:
            return
        self._seen.add(whole)
        if whole in self._paths:
            self._started.setdefault(whole, why)
        if (text := self._text(whole)) is not None:
            self._texts.append((os.path.dirname(whole), text))

    def _take_file_of_tool(self, whole: str, words: set[str]) -> None:
        if PurePosixPath(whole).name == _PACKAGE:
            names = {f"{prefix}{word}" for word in words for prefix in ("", "pre", "post")}
            scripts = _automatic(self._text(whole), names)
            self._texts += [(os.path.dirname(whole), script) for script in _strings(scripts)]
            if whole in self._paths:
                self._compare(whole, names)
        elif whole not in self._seen and (text := self._text(whole)) is not None:
            self._seen.add(whole)
            self._texts.append((os.path.dirname(whole), text))
            if whole in self._paths:
                self._started.setdefault(whole, _BY_HOOKS)

    def _text(self, whole: str) -> str | None:
        """A small file's text as it will be; None if there is none."""
        if whole in self._paths:
            return self._files[self._paths[whole]]
        if os.path.isabs(whole) or whole.startswith(".."):
            return None
        with suppress(OSError, ValueError):
            place = PurePosixPath(whole)
            with open_folder(self._top, place.parts[:-1]) as folder:
                return as_text(read_regular(folder, place.name, limit=_MOST_BYTES)[0])
        return None


def _program_of(command: str) -> tuple[str, str]:
    """The file or program that a command starts, and the module's path that Python is to run."""
    is_interpreted = False
    words = command.split()
    for at, part in enumerate(words):
        word = part.strip("\"'[],@").removeprefix("-./") if at == 0 else part.strip("\"'[],")
        if word == "-m" and is_interpreted and at + 1 < len(words):
            return "", words[at + 1].strip("\"'").replace(".", "/")
        if not word or word.startswith("-") or _ASSIGNMENT.match(word) or word in _BEFORE_COMMANDS:
            continue
        if is_interpreted or not _INTERPRETER.fullmatch(word):
            return word, ""
        is_interpreted = True
    return "", ""


def _candidates(folder: str, word: str) -> Iterator[str]:
    """Paths that a word may stand for: as it is, below the folder, and its ends, where a variable was cut."""
    if len(word) > _LONGEST:
        return
    yield os.path.normpath(word)
    yield os.path.normpath(os.path.join(folder, word))
    parts = [part for part in re.split(r"[/\"']+", word) if part not in ("", ".", "..")]
    for at in range(len(parts)):
        if len(parts) - at > 1 or "." in parts[at]:
            yield "/".join(parts[at:])


def _automatic(text: str | None, scripts: Collection[str]) -> dict[str, Any]:
    """Return the scripts of a package.json that run automatically, or under these names."""
    try:
        package = json.loads((text or "").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(package, dict):
        return {}
    by_name = package.get("scripts")
    by_name = by_name if isinstance(by_name, dict) else {}
    run = {name: by_name[name] for name in by_name if name in _BY_THEMSELVES or name in scripts}
    return {**{key: package[key] for key in _AT_COMMITS if key in package}, **({"": run} if run else {})}


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)
