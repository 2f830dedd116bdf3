"""Import the functions that `--tool MODULE:FUNCTION` names."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable

from coder.errors import UsageError
from coder.text.sanitize import or_nearest
from coder.tools.registry import Registry
from coder.tools.tool import tool_of


def functions_named(names: Iterable[str]) -> tuple[Callable[..., object], ...]:
    """The functions, of modules that are installed or lie in the current folder.

    Raises:
        UsageError: one isn't there, or can be no tool.
    """
    functions = tuple(map(_function, names))
    try:
        Registry([tool_of(function) for function in functions])
    except ValueError as error:
        raise UsageError(f"--tool: {error}.") from error
    return functions


def _function(name: str) -> Callable[..., object]:
    module_name, colon, function_name = name.partition(":")
    if not (colon and module_name and function_name):
        raise UsageError(f"--tool {name} names no function. Write MODULE:FUNCTION")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"--tool {name}: the module can't be imported: {said}. "
            "It is looked up in the current folder, then among what is installed, by its name without .py"
        ) from error
    finally:
        sys.path.remove(os.getcwd())
    found: object = getattr(module, function_name, None)
    if not callable(found):
        raise UsageError(
            f"--tool {name}: the module has no such function{or_nearest(function_name, vars(module))}"
        )
    return found
