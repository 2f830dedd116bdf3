"""Metadata of the candidate's functions, classes and modules, which crosses as plain data.

A proxy has a docstring and annotations of its own, so the names in METADATA are looked up in the candidate.
Text and numbers cross unchanged; annotations, signatures and fields of dataclasses cross in parts, from which
typing, inspect and dataclasses rebuild them in the test's process.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from functools import _lru_cache_wrapper, partial, reduce
from typing import Any

from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.show_values import CandidateGone

METADATA = frozenset(
    {"__doc__", "__module__", "__annotations__", "__slots__", "__flags__"}
    | {"__signature__", "__dataclass_fields__"}
)
"""Names that a proxy or its class has itself, or whose values tests use only as library objects."""
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType)
_KINDS: dict[str, type] = {str(kind.__name__): kind for kind in (*_FUNCTIONS, _lru_cache_wrapper, partial)}
_ALIASES = tuple(getattr(types, name) for name in ("GenericAlias", "UnionType") if hasattr(types, name))
"""Types of `list[int]` and `int | None`: since Python 3.9 and 3.10."""
_MODULES = frozenset(
    {"abc", "collections", "collections.abc", "datetime", "decimal", "enum", "fractions", "io", "numbers"}
    | {"os", "pathlib", "re", "types", "typing", "uuid"}
)
"""Modules of the standard library whose classes cross by name in annotations."""
_FIELD_KINDS = ("_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR")
_OPTIONS = ("init", "repr", "hash", "compare", "kw_only")


def attribute(link: Any, proxy: object, name: str) -> Any:
    """Return an attribute of one of the candidate's objects. Raises as `Link.request` does."""
    if name not in METADATA:
        return link.request("get", proxy, name)
    parts = link.request("metadata", proxy, name)
    try:
        return _make_metadata(name, parts)
    except (CodecError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise CandidateGone(f"the candidate's process sent what isn't {name}: {error}") from error


def kind_of(function: object) -> str:
    """Return a function's type name, by which `isinstance` and `inspect` tell functions from methods."""
    return type(function).__name__


def function_type(kind: object, otherwise: type) -> type:
    """Return the function type of that name; `otherwise` for any other name."""
    return _KINDS.get(kind, otherwise) if type(kind) is str else otherwise


def metadata_of(value: Any, name: str) -> object:
    """Take the metadata of an object apart, in the candidate's process. Raises what access to it raises."""
    if name == "__annotations__":
        return {key: _hint_parts(hint) for key, hint in getattr(value, name).items()}
    if name == "__signature__":
        import inspect  # slow to import, and few tests need it

        signature = inspect.signature(value)
        parameters = [
            (
                *(parameter.name, int(parameter.kind), _optional(parameter.default, parameter.empty)),
                () if parameter.annotation is parameter.empty else _hint_parts(parameter.annotation),
            )
            for parameter in signature.parameters.values()
        ]
        return_hint = signature.return_annotation
        return (tuple(parameters), () if return_hint is signature.empty else _hint_parts(return_hint))
    if name == "__dataclass_fields__":
        return tuple(_field_parts(parameter) for parameter in getattr(value, name).values())
    return getattr(value, name)


def _make_metadata(name: str, parts: Any) -> Any:
    """Rebuild metadata from its parts, in the checker's process."""
    make = _MAKE.get(name)
    return parts if make is None else make(parts)


def _annotations(parts: Any) -> dict[str, object]:
    return {str(key): _hint(hint) for key, hint in parts.items()}


def _signature(parts: Any) -> object:
    import inspect

    all_parts, return_hint = parts
    parameters = [
        inspect.Parameter(
            name,
            inspect._ParameterKind(kind),
            default=default[0] if default else inspect.Parameter.empty,
            annotation=_hint(hint) if hint else inspect.Parameter.empty,
        )
        for name, kind, default, hint in all_parts
    ]
    return inspect.Signature(
        parameters, return_annotation=_hint(return_hint) if return_hint else inspect.Signature.empty
    )


def _fields(parts: Any) -> dict[str, object]:
    return {str(field.name): field for field in map(_field, parts)}


_MAKE: dict[str, Callable[[Any], object]] = {
    "__annotations__": _annotations,
    "__signature__": _signature,
    "__dataclass_fields__": _fields,
}


def _optional(value: object, missing: object) -> tuple[object, ...]:
    return () if value is missing else (value,)


def _hint_parts(hint: Any) -> tuple[object, ...]:
    """Describe an annotation by its name, by its origin and arguments, or by the object itself."""
    import typing  # slow to import, and few tests need it

    if hint is type(None):
        return ("none",)
    module, origin = getattr(hint, "__module__", None), typing.get_origin(hint)
    if isinstance(hint, _ALIASES):
        is_union = type(hint).__name__ == "UnionType"
        return ("union" if is_union else "alias", () if is_union else _hint_parts(origin), _arguments(hint))
    name = "Union" if origin is typing.Union else getattr(hint, "__name__", getattr(hint, "_name", None))
    if module == "typing" and name in typing.__all__:
        return ("form", name, () if origin is None else (_arguments(hint),))
    if isinstance(hint, type) and module in _MODULES and _named(str(module), hint.__qualname__) is hint:
        return ("class", module, hint.__qualname__)
    return ("value", hint)


def _arguments(hint: Any) -> tuple[object, ...]:
    import typing

    arguments = typing.get_args(hint)
    return tuple(
        ("list", tuple(map(_hint_parts, argument))) if isinstance(argument, list) else _hint_parts(argument)
        for argument in arguments
    )


def _hint(parts: Any) -> Any:
    import typing

    kind, *rest = parts
    if kind == "none":
        return type(None)
    if kind == "value":
        return rest[0]
    if kind == "list":
        return [_hint(one) for one in rest[0]]
    if kind == "alias":
        return _hint(rest[0])[tuple(map(_hint, rest[1]))]
    if kind == "union":
        return reduce(lambda left, right: left | right, map(_hint, rest[1]))
    if kind == "form":
        form = getattr(typing, rest[0] if rest[0] in typing.__all__ else "")
        return form[tuple(map(_hint, rest[1][0]))] if rest[1] else form
    if kind == "class" and rest[0] in _MODULES:
        return _named(*rest)
    raise CodecError("an annotation of unknown kind")


def _named(module: str, name: str) -> object:
    """Return the class that a standard library module has under a name without dots; None without one."""
    value: object = getattr(importlib.import_module(module), name, None)
    return value if isinstance(value, type) else None


def _field_parts(field: Any) -> tuple[object, ...]:
    import dataclasses

    kind = next((one for one in _FIELD_KINDS if getattr(dataclasses, one) is field._field_type), "")
    defaults = (_optional(one, dataclasses.MISSING) for one in (field.default, field.default_factory))
    options = {name: getattr(field, name) for name in _OPTIONS if hasattr(field, name)}
    return (field.name, kind, _hint_parts(field.type), *defaults, options, dict(field.metadata))


def _field(parts: Any) -> Any:
    import dataclasses

    name, kind, hint, default, factory, options, metadata = parts
    arguments: dict[str, Any] = {
        key: value for key, value in options.items() if type(value) in (bool, type(None))
    }
    if default:
        arguments["default"] = default[0]
    if factory:
        arguments["default_factory"] = factory[0]
    field: Any = dataclasses.field(**arguments, metadata=metadata or None)
    field.name, field.type = name, _hint(hint)
    field._field_type = getattr(dataclasses, kind if kind in _FIELD_KINDS else "_FIELD")
    return field
