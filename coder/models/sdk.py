"""An SDK, openai or anthropic, imported without the thousand types that nobody here asks for.

`import openai` makes every class of every endpoint, and half of its time goes there. Its packages of types
hold nothing but imports of names from their own modules, so while we import the SDK, each of them finds a
name when it is first asked for one. What anybody gets of them is the same, only later.
"""

import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from threading import Lock
from types import ModuleType

from coder.errors import UsageError
from coder.models.endpoint import Api

TYPES = ("openai.types", "anthropic.types")
_IMPORT = re.compile(r"^from \.(\w[\w.]*) import (?:\(([^()]*)\)|([\w ,]+))$", re.MULTILINE)
_NOTHING = re.compile(r"^(?:#.*|from __future__ import annotations)?$", re.MULTILINE)
_LOADING = Lock()


def load_sdk(name: str = "openai") -> ModuleType:
    """The module. The first call takes 0.2 s, anthropic's 0.8 s, and any thread may make it."""
    if name in sys.modules:
        return import_module(name)  # waits where another thread is still at it
    with _LOADING:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
        try:
            return import_module(name)
        finally:
            sys.meta_path.remove(finder)


def require_sdk(api: Api) -> None:
    """See that the SDK for an interface is here, without loading it.

    Raises:
        UsageError: the extra `anthropic` isn't installed.
    """
    if api == "messages" and find_spec("anthropic") is None:
        raise UsageError(
            "Anthropic's models need its SDK. Install it with: pip install 'coder-agent[anthropic]'"
        )


@cache
def http_library(name: str = "openai") -> ModuleType:
    """What the SDK speaks HTTP with: httpx2, or httpx below version 3 of openai's."""
    kinds = load_sdk(name).DefaultAsyncHttpxClient.__mro__
    client = next(kind for kind in kinds if kind.__name__ == "AsyncClient")
    return import_module(client.__module__.partition(".")[0])


def load_transport(name: str = "openai") -> None:
    """Have the HTTP library import what it imports for its first client."""
    http_library(name).AsyncHTTPTransport(verify=False)


def re_exported(source: str) -> dict[str, tuple[str, str]] | None:
    """Name → module and name there, of a package that only imports from its own modules; None for any other.

    A name that one of these modules has, too, is no such package's: it would be the module that is found.
    """
    if _NOTHING.sub("", _IMPORT.sub("", source)).strip():
        return None
    found = {}
    for module, several, one in _IMPORT.findall(source):
        for part in filter(None, (part.strip() for part in (several or one).split(","))):
            theirs, _, ours = part.partition(" as ")
            found[ours or theirs] = module, theirs
    modules = {module.partition(".")[0] for module, _ in found.values()}
    return None if modules & found.keys() else found


class _Finder(MetaPathFinder):
    """Finds the SDK's packages of types, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in TYPES and not fullname.startswith(tuple(f"{types}." for types in TYPES)):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.submodule_search_locations is None:
            return spec
        source = spec.loader.get_source(fullname) if isinstance(spec.loader, SourceFileLoader) else None
        names = re_exported(source) if source is not None else None
        if names is not None:
            spec.loader = _Lazily(names)
        return spec


class _Lazily(Loader):
    """Makes a package whose names are imported when they are first used."""

    def __init__(self, names: dict[str, tuple[str, str]]) -> None:
        self._names = names

    def create_module(self, spec: ModuleSpec) -> None:
        """As any other module."""

    def exec_module(self, module: ModuleType) -> None:
        """Have the module look its names up."""
        package, names = module.__name__, self._names

        def find(name: str) -> object:
            if name not in names:
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            place, theirs = names[name]
            value = getattr(import_module(f"{package}.{place}"), theirs)
            setattr(module, name, value)
            return value

        module.__dict__.update(__getattr__=find, __dir__=lambda: [*module.__dict__, *names], __all__=[*names])
