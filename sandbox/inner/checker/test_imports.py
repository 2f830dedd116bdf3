"""Importing the candidate's modules in the checker's process gives proxies of them."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING

from sandbox.inner.bridge.proxies import Module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from sandbox.inner.bridge.link import Link


class Finder:
    """Stands in sys.meta_path, before the finders of this interpreter.

    A module of the standard library is never the candidate's. Nor is one that this interpreter has, unless
    it is the module under test: a candidate that brings its own pytest or numpy changes nothing here.
    """

    def __init__(self, link: Link, module: str, provides: Sequence[str]) -> None:
        self._link = link
        self._module = module.partition(".")[0]
        self._provides = {name.partition(".")[0] for name in (module, *provides)}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for the candidate's modules, None for all others.

        Raises:
            ImportError: the name is the candidate's, and installed here as well.
        """
        top = name.partition(".")[0]
        if top not in self._provides or is_standard(top):
            return None
        if top != self._module and PathFinder.find_spec(top) is not None:
            raise ImportError(
                f"{top} is a module of the candidate and is installed here too: which one is to be tested?"
            )
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import it in the candidate's process; what that raises is raised here."""
        module = self._link.request("import", spec.name)
        if not isinstance(module, Module):
            raise ImportError(f"the candidate has something else than a module at {spec.name}")
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Mark it as a package, so that its submodules are asked for too."""
        module.__path__ = []


def is_standard(name: str) -> bool:
    """Whether the standard library has a module of this name."""
    known = getattr(sys, "stdlib_module_names", None)  # since Python 3.10
    if known is not None:
        return name in known
    if name in sys.builtin_module_names:
        return True
    return PathFinder.find_spec(name, [os.path.dirname(os.__file__)]) is not None
