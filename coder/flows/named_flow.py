"""Flow functions: found by MODULE:FUNCTION, and checked before anything runs."""

import ast
import inspect
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from coder.base.errors import UsageError
from coder.flows.values import Adapter, Signature, digest_of, from_json, signature_of, to_json
from coder.tools.named_functions import import_named

if TYPE_CHECKING:
    from coder.flows.flow import Flow

_STEP_METHODS = ("step", "map")


@dataclass(frozen=True, slots=True)
class FlowFunction:
    """A user's function of a flow and an input."""

    name: str
    function: Callable[..., Awaitable[Any]]
    signature: Signature
    """Types of the parameters after the flow, at most one, and of the result."""

    def written(self, value: object) -> JsonValue:
        """Return the input as JSON. Raises UsageError: it doesn't fit the annotation."""
        adapter = self._input
        if adapter is None:
            if value is not None:
                raise UsageError(f"The flow {self.name} takes no input.")
            return None
        return to_json(adapter, value, f"The input of {self.name}")

    def read(self, document: JsonValue) -> Any:  # noqa: ANN401 - the input's type
        """Return the input that JSON stands for. Raises UsageError: it doesn't fit the annotation."""
        if (adapter := self._input) is None:
            if document is not None:
                raise UsageError(f"The flow {self.name} takes no input.")
            return None
        return from_json(adapter, document, f"The input of {self.name}")

    def input_schema(self) -> dict[str, JsonValue] | None:
        """Return the JSON schema of its input; None if it takes none."""
        return None if (adapter := self._input) is None else adapter.json_schema()

    def digest(self, value: object) -> str:
        """Return the digest of an input."""
        return digest_of(self.written(value))

    async def call(self, flow: "Flow", document: JsonValue) -> JsonValue:
        """Call the function with an input as JSON, and return its result as JSON."""
        arguments = () if self._input is None else (self.read(document),)
        result = await self.function(flow, *arguments)
        return to_json(self.signature.result, result, f"The result of {self.name}")

    @property
    def _input(self) -> Adapter | None:
        return next(iter(self.signature.parameters.values()), None)


def flow_named(name: str, folder: Path) -> FlowFunction:
    """Import a flow, MODULE:FUNCTION, from a folder or installed packages. Raises UsageError on failure."""
    return flow_function(import_named(name, called="flow", folder=folder))


def flow_function(function: Callable[..., object]) -> FlowFunction:
    """Check a function and the steps that its code names.

    Raises:
        UsageError: it isn't an async function of a flow and at most one input, or an annotation of it or of a
            step can't be written as JSON.
    """
    name = name_of(function)
    if not inspect.iscoroutinefunction(function):
        raise UsageError(f"The flow {name} isn't an async function: write `async def`.")
    signature = signature_of(function, f"The flow {name}", skip=1)
    if len(signature.parameters) > 1 or not inspect.signature(function).parameters:
        raise UsageError(f"The flow {name} must take a flow and at most one input, such as a pydantic model.")
    for step_name, step in _named_steps(function):
        signature_of(step, f"The step `{step_name}`")
    return FlowFunction(name, function, signature)


def name_of(function: Callable[..., object]) -> str:
    """Return the MODULE:FUNCTION of a function."""
    return f"{function.__module__}:{getattr(function, '__qualname__', type(function).__name__)}"


def steps_in_code(function: Callable[..., object]) -> list[str]:
    """Return the steps that a function's own code takes, in its order, each as verb and name.

    Loops and branches aren't distinguished, and steps in functions that it calls are missing.
    """
    steps = []
    for call in _flow_calls(function):
        name = call.args[0] if call.args else None
        words = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""
        steps.append(f"{call.func.attr} {words}".strip() if isinstance(call.func, ast.Attribute) else words)
    return steps


def _named_steps(function: Callable[..., object]) -> list[tuple[str, Callable[..., object]]]:
    """Return the steps that a function's own code names by global functions."""
    steps = []
    for call in _flow_calls(function):
        match call:
            case ast.Call(
                func=ast.Attribute(attr=method),
                args=[ast.Constant(value=str(name)), ast.Name(id=function_name), *_],
            ) if method in _STEP_METHODS:
                step = inspect.unwrap(function).__globals__.get(function_name)
                if callable(step):
                    steps.append((name, step))
    return steps


def _flow_calls(function: Callable[..., object]) -> list[ast.Call]:
    """Return the calls of the flow's methods in a function's own code, in its order."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # no source, such as that of a function typed at a prompt
        return []
    flow_name = next(iter(inspect.signature(function).parameters))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == flow_name
    ]
    return sorted(calls, key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))
