"""Functions that `--tool` names, imported and checked."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.text.sanitize import suggest_nearest
from coder.tools.registry import Registry
from coder.tools.tool import tool_of


def functions_named(names: Iterable[str]) -> tuple[Callable[..., object], ...]:
    """Import functions from installed modules or the current folder.

    Raises:
        UsageError: a function is missing or can't be a tool.
    """
    functions = tuple(import_named(name, called="--tool") for name in names)
    require_functions(functions, called="--tool")
    return functions


def require_functions(functions: Iterable[Callable[..., object]], *, called: str = "tools") -> None:
    """Check that functions can be tools in addition to the built-in ones. Raises UsageError: one can't."""
    try:
        Registry([tool_of(function) for function in functions])
    except ValueError as error:
        raise UsageError(f"{called}: {error}") from error


def import_named(name: str, *, called: str, folder: Path | None = None) -> Callable[..., object]:
    """Import a function, MODULE:FUNCTION.

    Args:
        called: what names the function, for messages, such as `--tool`.
        folder: where the module is looked up before what is installed; None: the current folder.

    Raises:
        UsageError: there is no such function.
    """
    module_name, colon, function_name = name.partition(":")
    if not (colon and module_name and function_name):
        raise UsageError(f"{called} {name} names no function. Write MODULE:FUNCTION")
    place = str(folder) if folder is not None else os.getcwd()
    sys.path.insert(0, place)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{called} {name}: the module can't be imported: {reason}. "
            "It is looked up in the current folder, then among what is installed, by its name without .py"
        ) from error
    finally:
        sys.path.remove(place)
    function: object = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(
            f"{called} {name}: the module has no such function{suggest_nearest(function_name, vars(module))}"
        )
    return function
