"""Functions that `--tool` names, imported and checked."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable

from coder.base.errors import UsageError
from coder.base.text.sanitize import suggest_nearest
from coder.tools.registry import Registry
from coder.tools.tool import tool_of


def functions_named(names: Iterable[str]) -> tuple[Callable[..., object], ...]:
    """Import functions from installed modules or the current folder.

    Raises:
        UsageError: a function is missing or can't be a tool.
    """
    functions = tuple(map(_function, names))
    require_functions(functions, called="--tool")
    return functions


def require_functions(functions: Iterable[Callable[..., object]], *, called: str = "tools") -> None:
    """Check that functions can be tools in addition to the built-in ones. Raises UsageError: one can't."""
    try:
        Registry([tool_of(function) for function in functions])
    except ValueError as error:
        raise UsageError(f"{called}: {error}") from error


def _function(name: str) -> Callable[..., object]:
    module_name, colon, function_name = name.partition(":")
    if not (colon and module_name and function_name):
        raise UsageError(f"--tool {name} names no function. Write MODULE:FUNCTION")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"--tool {name}: the module can't be imported: {reason}. "
            "It is looked up in the current folder, then among what is installed, by its name without .py"
        ) from error
    finally:
        sys.path.remove(os.getcwd())
    function: object = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(
            f"--tool {name}: the module has no such function{suggest_nearest(function_name, vars(module))}"
        )
    return function
