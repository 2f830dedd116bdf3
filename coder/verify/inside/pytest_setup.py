"""Find the sources of pytest's settings and plugins.

In the sandbox's archive with reporter.py; standard library only.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import start_path  # type: ignore[import-not-found]  # beside this file


class Untouched:
    """Makes pytest use its settings from before the work, and refuses new settings and plugins.

    A file that the change brings can't be settings or a plugin. Paths are relative to the workspace.
    """

    def __init__(self, brought: list[str], setup: dict[str, Any] | None) -> None:
        self._root = start_path.ROOT
        self._brought, self._setup = set(brought), setup
        self.refused: dict[str, str] = {}
        """Messages on refused files, by path."""

    def options(self) -> list[str]:
        """Return options of pytest that restore the original settings; the command's own follow them."""
        if self._setup is None:
            return []
        config = self._setup["config"]
        if config is None:  # `-c` needs a file, and paths of `-o` are relative to its folder
            config = ".coder.ini"
            with open(os.path.join(self._root, config), "w", encoding="utf-8"):
                pass
        config = os.path.join(self._root, config)
        folders = {
            f"--{name}": os.path.join(self._root, self._setup[name]) for name in ("rootdir", "confcutdir")
        }
        options = [f"{option}={path}" for option, path in folders.items() if os.path.isdir(path)]
        return ["-c", config, *options] if os.path.exists(config) else options

    def setup_of(self, config: Any) -> dict[str, Any]:
        """Return the sources of a configuration; a settings file that the change adds is refused."""
        file = getattr(config, "inipath", None) or getattr(config, "inifile", None)
        root = getattr(config, "rootpath", None) or config.rootdir
        cut_dir = config.known_args_namespace.confcutdir or root
        path = self._relative(str(file)) if file is not None else None
        if path in self._brought:
            self._refuse(path, "settings of pytest")
        paths = [self._relative(path_entry) for path_entry in sys.path]
        return {
            "config": path, "rootdir": self._relative(str(root)), "confcutdir": self._relative(str(cut_dir)),
            "paths": [path for path in paths if path.partition("/")[0] not in ("..", ".")],
        }  # fmt: skip

    def check_plugin(self, file: str | None) -> None:
        """Refuse a plugin from a file that the change adds."""
        if file is not None and (path := self._relative(file)) in self._brought:
            self._refuse(path, "a plugin of pytest")

    def _refuse(self, path: str, use: str) -> None:
        self.refused[path] = f"{path} is {use}, and the change brings it: it can't decide which tests pass"

    def _relative(self, path: str) -> str:
        return os.path.relpath(os.path.realpath(path), self._root)
