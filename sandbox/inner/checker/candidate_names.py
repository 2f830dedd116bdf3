"""Resolve the candidate's names in tests: imported modules, and names that tests don't define."""

from __future__ import annotations

import ast
import builtins
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from sandbox.inner.bridge.link import CandidateLink
from sandbox.inner.bridge.proxies import Module
from sandbox.inner.checker.asserts import FAIL, fail


class Namespace(dict):  # type: ignore[type-arg]
    """Globals of a check: a missing name is looked up in the candidate's module, each time.

    A builtin is never looked up there, unless it is `entry_point`, the name under test; nor is a module of
    the standard library whose attribute is used (`math.pi`). Without a module, a missing name is undefined.
    """

    def __init__(self, module: str | None, name: str, *, entry_point: str | None = None) -> None:
        super().__init__({"__name__": name, "__builtins__": builtins, FAIL: fail})
        self._module = module
        self._entry_point = entry_point
        self._standard: set[str] = set()

    def prepare(self, tree: ast.AST) -> None:
        """Record the standard library modules whose attributes `tree` uses (`math.pi`)."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = node.value.id
                if is_standard(name):
                    self._standard.add(name)

    def __missing__(self, name: str) -> Any:
        if self._module is None:
            raise KeyError(name)
        if name != self._entry_point and (hasattr(builtins, name) or name.startswith("__")):
            raise KeyError(name)
        if name in self._standard:
            return importlib.import_module(name)
        try:
            return getattr(importlib.import_module(self._module), name)
        except AttributeError:
            raise KeyError(name) from None


class Finder:
    """Import hook for the candidate's modules; it stands first in sys.meta_path.

    Modules of the standard library and installed ones are never the candidate's, except the module under
    test: a candidate's own pytest or numpy has no effect here.
    """

    def __init__(
        self, link: CandidateLink, module: str, provides: Sequence[str], folders: Sequence[str]
    ) -> None:
        self._link, self._folders = link, list(folders)
        self._module = module.partition(".")[0]
        self._provides = {name.partition(".")[0] for name in (module, *provides)}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a candidate's module, else None. Raises ImportError if also installed here."""
        top = name.partition(".")[0]
        if top not in self._provides or is_standard(top):
            return None
        if top != self._module and PathFinder.find_spec(top) is not None:
            self._link.ambiguous.add(top)
            raise ImportError(
                f"{top} is a module of the candidate and is installed here too: which one is to be tested?"
            )
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module in the candidate's process. Raises ImportError if it isn't a module."""
        module = self._link.request("import", spec.name, [*self._folders, *_folders(os.getcwd())])
        if not isinstance(module, Module):
            raise ImportError(f"the candidate has something else than a module at {spec.name}")
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Mark the module as a package, so that its submodules are looked up too."""
        module.__path__ = []


def _folders(folder: str) -> list[str]:
    """List the folders, relative to the workspace, in which tests look for modules."""
    paths = [os.path.abspath(path) for path in sys.path if type(path) is str and path]
    return [os.path.relpath(path, folder) for path in paths if path.startswith(folder + os.sep)]


def is_standard(name: str) -> bool:
    """Whether the standard library has a module of this name."""
    standard_names = getattr(sys, "stdlib_module_names", None)  # since Python 3.10
    if standard_names is not None:
        return name in standard_names
    if name in sys.builtin_module_names:
        return True
    return PathFinder.find_spec(name, [os.path.dirname(os.__file__)]) is not None
