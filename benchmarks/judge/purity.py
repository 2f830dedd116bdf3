"""Decide from the source whether code can keep state between calls.

Sound, not complete: `keeps_nothing` accepts only functions, constants and imported stateless names, if no
module name, attribute or hidden dictionary is ever written.
"""

import ast
import builtins
from collections.abc import Iterator, Mapping
from itertools import pairwise
from string import Formatter
from typing import TypeGuard

from coder.source.python_names import parse_source

MAX_SOURCE = 1 << 16
"""Maximum number of characters; longer modules are rejected."""

_ALL = "*"
_MODULES = {
    "math": _ALL,
    "itertools": _ALL,
    "bisect": _ALL,
    "heapq": _ALL,
    "typing": "List Dict Set FrozenSet Tuple Optional Union Any Callable Iterable Iterator Sequence Mapping "
    "Generator TypeVar Text Deque DefaultDict Counter Literal NoReturn Hashable Sized Collection",
    "re": "match search findall sub split finditer fullmatch escape I IGNORECASE M MULTILINE",
    "collections": "Counter defaultdict deque OrderedDict",
    "functools": "reduce cmp_to_key partial",
    "string": "ascii_lowercase ascii_uppercase ascii_letters digits punctuation whitespace hexdigits",
    "fractions": "Fraction",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512",
    "statistics": "mean median mode stdev pstdev variance pvariance",
    "copy": "copy deepcopy",
    "__future__": "annotations",
}
"""Modules and their names that hold no state between calls. `*` only for modules in C with nothing but
functions, types and numbers; heapq has only functions."""
_SEEDED = {**_MODULES, "random": "random randint randrange choice choices uniform shuffle sample seed Random"}
_FORBIDDEN = frozenset(
    (
        *("globals", "locals", "vars", "setattr", "delattr", "getattr", "eval", "exec", "compile", "open"),
        *("input", "breakpoint", "id", "hash", "help", "memoryview", "super", "object"),
        *("classmethod", "property", "staticmethod"),
        *("copyright", "credits", "license", "exit", "quit"),  # objects that `site` adds
    )
)
_IMMUTABLE = (str, bytes, int, float, complex, bool, type(None), type(...))


def keeps_nothing(source: str) -> bool:
    """Whether no call of the module can leave state for the next call."""
    module = _read(source, _MODULES)
    return module is not None and module.keeps_nothing() and module.leaves_nothing()


def leaves_nothing(source: str) -> bool:
    """Whether running the code binds only its own names; each run seeds `random` again."""
    module = _read(source, _SEEDED)
    return module is not None and module.leaves_nothing()


def _read(source: str, modules: Mapping[str, str]) -> "_Module | None":
    tree = parse_source(source) if len(source) <= MAX_SOURCE else None
    return None if tree is None else _Module(tree, modules)


class _Module:
    def __init__(self, tree: ast.Module, modules: Mapping[str, str]) -> None:
        self._tree, self._allowed_names = tree, modules
        self._nodes = nodes = list(ast.walk(tree))
        imported = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        self._modules: dict[str, set[str]] = {}
        """Modules bound to each name, anywhere in the source; a name may be bound to several modules."""
        for alias in imported:
            self._modules.setdefault(alias.asname or alias.name, set()).add(alias.name)
        self._bases = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        operands = [
            term for node in nodes if isinstance(node, ast.Compare) for term in (node.left, *node.comparators)
        ]
        self._type_calls = {id(operand.func) for operand in operands if _is_type_call(operand)}
        self._identities = [pair for node in nodes for pair in _identities_of(node)]
        self._bound_names = {name for node in nodes for name in _bound_by(node)}
        self._annotations = [annotation for node in nodes for annotation in _annotations_of(node)]
        self._in_annotations = {id(node) for annotation in self._annotations for node in ast.walk(annotation)}
        self._names_of_typing = self._bound_to_typing()

    def keeps_nothing(self) -> bool:
        """Whether all objects that the module makes are immutable, and no call recognizes an earlier object.

        Caches of the standard library return identical objects, such as patterns of `re`: `is` shows that.
        """
        return all(map(self._is_immutable, self._tree.body)) and all(
            any(map(self._is_single, pair)) for pair in self._identities
        )

    def _is_single(self, node: ast.expr) -> bool:
        """Whether an expression gives a singleton constant or a type."""
        match node:
            case ast.Constant(value=value):
                return value is None or value is ... or isinstance(value, bool)
            case ast.Name(id=name):
                return name not in self._bound_names and isinstance(getattr(builtins, name, None), type)
        return "type" not in self._bound_names and _is_type_call(node)

    def leaves_nothing(self) -> bool:
        """Whether every statement and every expression is harmless."""
        return all(map(_is_annotation, self._annotations)) and all(map(self._is_harmless, self._nodes))

    def _is_immutable(self, node: ast.stmt) -> bool:
        """Whether a top-level statement makes only immutable objects."""
        match node:
            case ast.FunctionDef() | ast.Import() | ast.ImportFrom() | ast.Pass():
                return True
            case ast.Expr(value=ast.Constant()):
                return True
            case ast.Assign(targets=targets, value=value):
                return all(isinstance(target, ast.Name) for target in targets) and _is_constant(value)
            case ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
                return _is_constant(value)
        return False

    def _is_harmless(self, node: ast.AST) -> bool:
        match node:
            case ast.Import(names=names):
                return all(alias.name in self._allowed_names for alias in names)
            case ast.ImportFrom(module=module, names=names, level=0):
                return all(self._is_allowed(module, alias.name) for alias in names)
            case ast.FunctionDef(decorator_list=decorators, args=arguments):
                return not decorators and all(map(_is_constant, _defaults(arguments)))
            case ast.Lambda(args=arguments):
                return all(map(_is_constant, _defaults(arguments)))
            case ast.Attribute(attr="format" | "format_map", value=value):
                return _is_plain_format(value)
            case ast.Attribute(attr=attribute, value=value, ctx=ast.Load()):
                return (
                    not attribute.startswith(_FRAME_PREFIXES)
                    and attribute != "register"
                    and self._has(value, attribute)
                )
            case ast.MatchClass(patterns=patterns, kwd_patterns=keyword_patterns):
                return not (patterns or keyword_patterns)  # class patterns read attributes of any name
            case ast.Name(id="type"):
                return id(node) in self._type_calls
            case ast.Name(id=name):
                is_module = name in self._modules and id(node) not in self._bases
                is_cached = name in self._names_of_typing and id(node) not in self._in_annotations
                return not (is_module or is_cached or name.startswith("__") or name in _FORBIDDEN)
        return not isinstance(node, _STATEFUL)

    def _bound_to_typing(self) -> set[str]:
        """Return names of typing and of its forms: subscripting a form shows and fills a cache."""
        names = {name for name, modules in self._modules.items() if "typing" in modules}
        for node in self._nodes:
            if isinstance(node, ast.ImportFrom) and node.module == "typing":
                names |= {alias.asname or alias.name for alias in node.names}
        return names

    def _has(self, value: ast.expr, attribute: str) -> bool:
        modules = self._modules.get(value.id, set()) if isinstance(value, ast.Name) else set()
        return all(self._is_allowed(module, attribute) for module in modules)

    def _is_allowed(self, module: str | None, name: str) -> bool:
        names = self._allowed_names.get(module or "", "")
        return not name.startswith("_") and (name != "*" if names == _ALL else name in names.split())


_STATEFUL = (
    *(ast.ImportFrom, ast.Global, ast.ClassDef, ast.Attribute, ast.With),
    *(ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith),
)
"""Nodes that may leave state or wait for it. Attributes: only written attributes reach this check."""
_FRAME_PREFIXES = ("_", "gi_", "ag_", "cr_", "tb_", "f_", "co_")
"""Prefixes of attributes that lead from a generator or a traceback to its frame, and to all names."""


_IN_ANNOTATIONS = (
    *(
        ast.Name,
        ast.Attribute,
        ast.Subscript,
        ast.Constant,
        ast.Tuple,
        ast.List,
        ast.BinOp,
        ast.BitOr,
        ast.Load,
    ),
)
"""Permitted nodes of annotations: they make and bind nothing mutable that a name could reach."""


def _annotations_of(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.arg(annotation=ast.expr() as hint) | ast.AnnAssign(annotation=hint):
            yield hint
        case ast.FunctionDef(returns=ast.expr() as hint):
            yield hint


def _is_annotation(node: ast.expr) -> bool:
    return all(isinstance(inner, _IN_ANNOTATIONS) for inner in ast.walk(node))


def _identities_of(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the pairs that `is` or `is not` compares."""
    if isinstance(node, ast.Compare):
        for operator, pair in zip(node.ops, pairwise((node.left, *node.comparators)), strict=True):
            if isinstance(operator, (ast.Is, ast.IsNot)):
                yield pair


def _bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name) | ast.FunctionDef(name=name):
            yield name
        case ast.alias(name=name, asname=other):
            yield other or name
        case (
            ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            yield name


def _is_type_call(node: ast.expr) -> TypeGuard[ast.Call]:
    """Whether a node is `type(x)`: harmless in a comparison; elsewhere it can create classes."""
    match node:
        case ast.Call(func=ast.Name(id="type"), args=[value], keywords=[]):
            return not isinstance(value, ast.Starred)
    return False


def _is_plain_format(node: ast.expr) -> bool:
    """Whether a format is a constant whose fields name no attribute and no item."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    try:
        parts = [(field or "", spec or "") for _, field, spec, _ in Formatter().parse(node.value)]
    except ValueError:
        return True  # it raises that when it is called
    return not any(set(field) & set(".[") or "{" in spec for field, spec in parts)


def _defaults(arguments: ast.arguments) -> Iterator[ast.expr]:
    yield from arguments.defaults
    yield from (default for default in arguments.kw_defaults if default is not None)


def _is_constant(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, _IMMUTABLE)
        case ast.Tuple(elts=items):
            return all(map(_is_constant, items))
        case ast.UnaryOp(operand=operand):
            return _is_constant(operand)
        case ast.Name(id=name):
            return name in ("int", "float", "str", "bool", "list", "dict", "set", "tuple") and hasattr(
                builtins, name
            )
    return False
