"""Find files of a change that git, hooks or the installation of a package will start.

Such files are named in the repository's settings, in hooks, and in scripts that a package manager runs by
itself. Scripts started by these commands are read, too; other words of a command are treated as data.
Imports, and programs started other than by a shell line, aren't followed.
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

_PACKAGE_FILE = "package.json"
_INSTALL_SCRIPTS = (
    *("preinstall", "install", "postinstall", "prepublish", "dependencies"),
    *("preprepare", "prepare", "postprepare"),
)
"""Scripts that npm, pnpm or yarn run during an installation."""
_HOOK_SECTIONS = ("husky", "lint-staged", "simple-git-hooks", "gitHooks", "pre-commit", "pre-push")
"""Sections with programs that hooks run."""
_HOOK_SETTINGS = (".pre-commit-config.yaml", "lefthook.yml", "lefthook.yaml", ".lefthook.yml")
_PROGRAM_LINE = re.compile(r"^[\s-]*(?:entry|run):(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_WORD = re.compile(r"[^\s'\"`;&|()<>{}$=!,]+")
_COMMENT = re.compile(r"^[ \t]*#.*", re.MULTILINE)
_COMMAND = re.compile(r"[^;&|()`\n]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_COMMAND_PREFIXES = {
    *("if", "elif", "then", "else", "while", "until", "do", "!", "exec", "command", "env", "nice", "time"),
    *("eval", "sudo", "xargs", "npx", "uv", "poetry", "pipenv", "run", "{"),
}
_INTERPRETER = re.compile(
    r"(?:.*/)?(?:(?:ba|da|z|k)?sh|python[\d.]*|node|deno|bun|tsx|ts-node|ruby|perl|php|lua|source|\.)"
)
_MAX_BYTES, _MAX_TEXTS, _MAX_WORD = 1 << 18, 200, 1000
_SETTINGS_REASON = "git starts it by the repository's settings"
_HOOKS_REASON = "hooks of the repository, or scripts of its packages, run it by themselves"
_PACKAGES_REASON = "it has scripts that an installation or a hook runs by itself"


def started_files(
    root: Path, files: Mapping[str, str | None], before: Mapping[str, str | None]
) -> dict[str, str]:
    """Return the files of a change that will be started without a command by the user, with the reasons.

    Args:
        root: the folder to which the paths are relative.
        before: contents of each changed `package.json` before the change.
    """
    return _Search(root, files, before).collect()


class _Search:
    """Follows the names of files from texts that are executed automatically."""

    def __init__(self, root: Path, files: Mapping[str, str | None], before: Mapping[str, str | None]) -> None:
        self._before = before
        repository = find_repository(root)
        self._top = (repository.top if repository is not None else root).resolve()
        folder_in_top = root.resolve().relative_to(self._top)
        self._paths = {
            (folder_in_top / path).as_posix(): path for path, text in files.items() if text is not None
        }
        self._files = files
        self._started: dict[str, str] = {}
        self._seen: set[str] = set()
        self._texts: list[tuple[str, str]] = []
        if repository is not None:
            from coder.workspace.git.pending import programs_and_hooks  # imported only for a repository

            programs, hooks, texts = programs_and_hooks(repository, self._paths)
            self._started |= dict.fromkeys(hooks, _SETTINGS_REASON)
            for value in programs:
                self._follow_setting(value)
            self._texts += [("", text) for text in texts]

    def collect(self) -> dict[str, str]:
        """Return the files, with the reason for each."""
        followed_texts: set[tuple[str, str]] = set()
        self._add_settings_of_hooks()
        self._add_packages()
        for _ in range(_MAX_TEXTS):
            if not self._texts:
                break
            folder, text = self._texts.pop()
            if (folder, text) not in followed_texts:
                followed_texts.add((folder, text))
                self._follow(folder, _COMMENT.sub("", text))
        return {self._paths[path]: reason for path, reason in self._started.items()}

    def _add_settings_of_hooks(self) -> None:
        for name in _HOOK_SETTINGS:
            self._texts += [("", line) for line in _PROGRAM_LINE.findall(self._text(name) or "")]

    def _add_packages(self) -> None:
        folders = {
            parent.as_posix() for full_path in self._paths for parent in PurePosixPath(full_path).parents
        }
        for folder in sorted(folders):
            path = os.path.normpath(os.path.join(folder, _PACKAGE_FILE))
            self._add_package(folder, path)
        for full_path in self._paths:
            if folded_name(PurePosixPath(full_path).name) == _PACKAGE_FILE:
                self._compare(full_path, set())

    def _add_package(self, folder: str, path: str) -> None:
        automatic = _automatic(self._text(path), ())
        self._texts += [(folder, text) for text in _strings(automatic)]

    def _compare(self, full_path: str, scripts: set[str]) -> None:
        path = self._paths[full_path]
        old, new = self._before.get(path), self._files[path]
        if _automatic(old, scripts) != _automatic(new, scripts):
            self._started.setdefault(full_path, _PACKAGES_REASON)

    def _follow_setting(self, value: str) -> None:
        for word in _WORD.findall(value):
            for path in _candidates("", word):
                self._take(path, _SETTINGS_REASON)

    def _follow(self, folder: str, text: str) -> None:
        """Follow the files that a text's commands start, given relative to a folder or to the top."""
        words = {*_WORD.findall(text)}
        folders = {os.path.normpath(os.path.join(folder, word)) for word in words} | {folder or "."}
        for command in _COMMAND.findall(text):
            program, module = _program_of(command)
            paths = [os.path.join(folder, f"{module}{end}") for end in (".py", "/__main__.py") if module]
            for path in (*paths, *_candidates(folder, program)):
                self._take(os.path.normpath(path), _HOOKS_REASON)
            for name in files_of_tool(PurePosixPath(program).name):
                for tool_folder in folders:
                    self._take_file_of_tool(os.path.normpath(os.path.join(tool_folder, name)), words)

    def _take(self, path: str, reason: str) -> None:
        if path in self._seen or PurePosixPath(path).name in TOOL_FILES:
            return
        self._seen.add(path)
        if path in self._paths:
            self._started.setdefault(path, reason)
        if (text := self._text(path)) is not None:
            self._texts.append((os.path.dirname(path), text))

    def _take_file_of_tool(self, path: str, words: set[str]) -> None:
        if PurePosixPath(path).name == _PACKAGE_FILE:
            names = {f"{prefix}{word}" for word in words for prefix in ("", "pre", "post")}
            scripts = _automatic(self._text(path), names)
            self._texts += [(os.path.dirname(path), script) for script in _strings(scripts)]
            if path in self._paths:
                self._compare(path, names)
        elif path not in self._seen and (text := self._text(path)) is not None:
            self._seen.add(path)
            self._texts.append((os.path.dirname(path), text))
            if path in self._paths:
                self._started.setdefault(path, _HOOKS_REASON)

    def _text(self, path: str) -> str | None:
        """Return the text of a small file after the change, or None."""
        if path in self._paths:
            return self._files[self._paths[path]]
        if os.path.isabs(path) or path.startswith(".."):
            return None
        with suppress(OSError, ValueError):
            pure_path = PurePosixPath(path)
            with open_folder(self._top, pure_path.parts[:-1]) as folder:
                return as_text(read_regular(folder, pure_path.name, limit=_MAX_BYTES)[0])
        return None


def _program_of(command: str) -> tuple[str, str]:
    """Return the file or program that a command starts, and the path of the module that Python runs."""
    is_interpreted = False
    words = command.split()
    for index, part in enumerate(words):
        word = part.strip("\"'[],@").removeprefix("-./") if index == 0 else part.strip("\"'[],")
        if word == "-m" and is_interpreted and index + 1 < len(words):
            return "", words[index + 1].strip("\"'").replace(".", "/")
        if not word or word.startswith("-") or _ASSIGNMENT.match(word) or word in _COMMAND_PREFIXES:
            continue
        if is_interpreted or not _INTERPRETER.fullmatch(word):
            return word, ""
        is_interpreted = True
    return "", ""


def _candidates(folder: str, word: str) -> Iterator[str]:
    """Yield paths that a word may mean: the word, below the folder, and its ends after a variable."""
    if len(word) > _MAX_WORD:
        return
    yield os.path.normpath(word)
    yield os.path.normpath(os.path.join(folder, word))
    parts = [part for part in re.split(r"[/\"']+", word) if part not in ("", ".", "..")]
    for index in range(len(parts)):
        if len(parts) - index > 1 or "." in parts[index]:
            yield "/".join(parts[index:])


def _automatic(text: str | None, scripts: Collection[str]) -> dict[str, Any]:
    """Return the scripts of a package.json that run automatically, or under these names."""
    try:
        package = json.loads((text or "").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(package, dict):
        return {}
    all_scripts = package.get("scripts")
    all_scripts = all_scripts if isinstance(all_scripts, dict) else {}
    automatic_scripts = {
        name: all_scripts[name] for name in all_scripts if name in _INSTALL_SCRIPTS or name in scripts
    }
    return {
        **{key: package[key] for key in _HOOK_SECTIONS if key in package},
        **({"": automatic_scripts} if automatic_scripts else {}),
    }


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
