"""Import a package's modules when their names are used, instead of all of them at once.

The package `openai.types` has several hundred modules. Its `__init__.py` imports every one, which takes two
thirds of the time of importing the client. A call uses few of them.
"""

import ast
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType


class LazyPackages:
    """Finder of `sys.meta_path` for a package and the packages below it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a package, with a loader that imports lazily; None for any other module."""
        if not f"{name}.".startswith(f"{self._name}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        is_package = spec is not None and spec.submodule_search_locations is not None
        if spec is None or not is_package or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _LazyLoader(spec.loader.name, spec.loader.path)
        return spec


def import_lazily(name: str) -> None:
    """Make all later imports of a package, and of packages below it, lazy.

    A package whose `__init__.py` does more than import names from its own modules is imported as usual.
    """
    if not any(isinstance(finder, LazyPackages) and finder._name == name for finder in sys.meta_path):
        # It stays: another thread's import may be iterating over the list, and would skip a finder.
        sys.meta_path.insert(0, LazyPackages(name))


class _LazyLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        origins = _origins(self.get_data(self.path))
        if origins is None:
            return super().exec_module(module)

        def __getattr__(name: str) -> object:
            if name not in origins:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            origin, attribute = origins[name]
            value = getattr(import_module(origin, module.__name__), attribute)
            setattr(module, name, value)
            return value

        module.__dict__.update(
            __getattr__=__getattr__, __dir__=lambda: sorted({*module.__dict__, *origins}), __all__=[*origins]
        )
        return None


def _origins(source: bytes) -> dict[str, tuple[str, str]] | None:
    """Return the relative module and attribute of each name; None if the source doesn't only import them.

    A docstring and an `__all__` of the same names are dropped.
    """
    origins: dict[str, tuple[str, str]] = {}
    public: set[object] | None = None
    for node in ast.parse(source).body:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.ImportFrom(module="__future__"):
                pass
            case ast.ImportFrom(module=str(module), names=names, level=1) if names[0].name != "*":
                origins |= {alias.asname or alias.name: (f".{module}", alias.name) for alias in names}
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                public = {getattr(element, "value", None) for element in elements}
            case _:
                return None
    return origins if public is None or public == set(origins) else None
