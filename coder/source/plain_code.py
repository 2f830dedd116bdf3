"""Recognize plain code, which calls the code under test with literals and compares results and exceptions."""

import ast
import builtins
import re
import sys
from collections.abc import Collection, Iterable

from coder.source.loop_rounds import MAX_ROUNDS, numbers_in, rounds_of

_PURE_FUNCTIONS = frozenset((
    "abs", "all", "any", "bool", "bytes", "chr", "dict", "divmod", "enumerate", "float", "format",
    "frozenset", "int", "len", "list", "max", "min", "next", "ord", "pow", "print", "range", "repr",
    "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
))  # fmt: skip
_MODULES = frozenset({"math", "json", "string", "fractions"})
"""Standard modules whose functions depend only on their arguments."""
_METHODS = frozenset((
    "capitalize", "casefold", "count", "decode", "encode", "endswith", "format", "get", "index",
    "intersection", "isalnum", "isalpha", "isdigit", "islower", "isspace", "issubset", "issuperset",
    "isupper", "items", "join", "keys", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rjust", "ljust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
    "strip", "swapcase", "title", "union", "upper", "values", "zfill",
))  # fmt: skip
"""Methods of plain values that change nothing outside the value."""
_ASSERTS = re.compile(
    r"assert(?:Not)?(?:Equals?|AlmostEqual|In|Raises|Regex)$"
    r"|assert(?:True|False|IsNone|IsNotNone|Greater|GreaterEqual|Less|LessEqual|CountEqual|RaisesRegex)$"
    r"|assert(?:List|Dict|Tuple|Set|Sequence|MultiLine)Equal$|subTest$"
)
_PYTEST_FUNCTIONS = frozenset({"raises", "approx", "fail", "param"})
_NODES = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.IfExp),
    *(ast.Subscript, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.keyword),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
    *(ast.Assert, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.If, ast.Pass, ast.Return),
    *(ast.With, ast.withitem, ast.Try, ast.ExceptHandler, ast.Raise, ast.Break, ast.Continue),
)
"""Nodes that are plain if their children are plain."""


class PlainCode:
    """Decides whether parts of one file are plain code.

    Create an instance for each decision, because it collects the plain names of what it reads.
    """

    def __init__(self, tree: ast.Module, own: Collection[str]) -> None:
        self._own = set(own)
        self._functions: set[str] = set()
        """Names that may be called."""
        self._modules: set[str] = set()
        self._values: set[str] = set()
        self._numbers = dict(numbers_in(tree.body))
        """Integers by the variable that holds them."""
        self._objects: set[str] = set()
        """Names of objects of the code's classes, whose methods may be called."""
        self._import(node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
        for node in tree.body:
            if isinstance(node, ast.Assign) and self._is_all_plain([node.value]):
                self._assign(node)

    def is_test(self, test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Whether a function is a plain test."""
        all_parameters = (*test.args.posonlyargs, *test.args.args, *test.args.kwonlyargs)
        argument_names = {argument.arg for argument in all_parameters} - {"self"}
        parameters: set[str] = set()
        for node in test.decorator_list:
            if not self._is_mark(node):
                return False
            parameters |= self._parameters(node)
        if not argument_names <= parameters or test.args.vararg or test.args.kwarg:
            return False
        self._values |= argument_names
        return self._is_body(test.body)

    def is_program(self, tree: ast.Module) -> bool:
        """Whether a whole program is plain."""
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        for function in functions:
            parameters = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            self._values |= {argument.arg for argument in parameters}
            if function.decorator_list or function.args.vararg or function.args.kwarg:
                return False
            self._functions.add(function.name)
        statements: list[ast.stmt] = []
        for node in tree.body:
            if isinstance(node, ast.If) and is_main(node):
                statements += [*node.body, *node.orelse]
            elif isinstance(node, ast.FunctionDef):
                statements += node.body
            elif not ast.unparse(node).startswith(("sys.path.insert(", "sys.path.append(")):
                statements.append(node)
        return self._is_body(statements)

    def _is_body(self, body: list[ast.stmt]) -> bool:
        nodes = [node for statement in body for node in ast.walk(statement)]
        self._import(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
        self._values |= {
            node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        self._values |= {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
        for node in nodes:
            if isinstance(node, ast.Assign):
                self._assign(node)
        numbers = self._numbers | dict(numbers_in(nodes))
        if any(rounds_of(node, numbers) > MAX_ROUNDS for node in body):
            return False
        return self._is_all_plain(body)

    def _import(self, nodes: Iterable[ast.Import | ast.ImportFrom]) -> None:
        for node in nodes:
            for alias in node.names:
                module = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
                top = module.partition(".")[0]
                if isinstance(node, ast.ImportFrom) and node.level:
                    continue
                is_own = top in self._own and top not in sys.stdlib_module_names
                if not is_own and top not in _MODULES | {"pytest"}:
                    continue
                name = alias.asname or alias.name.partition(".")[0]
                is_function = isinstance(node, ast.ImportFrom)
                if top != "pytest" or (is_function and alias.name in _PYTEST_FUNCTIONS) or not is_function:
                    (self._functions if is_function else self._modules).add(name)
                    self._values |= {name} if is_own and is_function else set()

    def _assign(self, node: ast.Assign) -> None:
        names = {
            child.id for target in node.targets for child in ast.walk(target) if isinstance(child, ast.Name)
        }
        self._values |= names
        function = node.value.func if isinstance(node.value, ast.Call) else None
        name = ast.unparse(function).rpartition(".")[2] if function is not None else ""
        if name.lstrip("_")[:1].isupper():
            self._objects |= names

    def _is_all_plain(self, nodes: Iterable[ast.AST]) -> bool:
        return all(map(self._is_plain, nodes))

    def _is_plain(self, node: ast.AST) -> bool:
        match node:
            case ast.Call():
                parts: list[ast.AST] = [*node.args, *node.keywords]
                if not ast.unparse(node.func).startswith("self.assert") and any(map(_has_comparison, parts)):
                    return False
                return self._is_callable(node.func) and self._is_all_plain(parts)
            case ast.Name():
                return node.id in self._values or (node.id in vars(builtins) and _is_error(node.id))
            case ast.Attribute():
                return self._is_attribute(node)
            case ast.Compare():
                is_identity_test = any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
                if is_identity_test and not all(map(is_constant, node.comparators)):
                    return False
                return self._is_all_plain([node.left, *node.comparators])
            case ast.Import() | ast.ImportFrom():
                return _tops(node) <= self._own | sys.stdlib_module_names | {"pytest"}
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                assigns_only_names = all(
                    isinstance(target, ast.Name | ast.Tuple | ast.List) for target in targets
                )
                if node.value is not None and _has_comparison(node.value):
                    return False
                return assigns_only_names and (node.value is None or self._is_plain(node.value))
        return isinstance(node, _NODES) and self._is_all_plain(ast.iter_child_nodes(node))

    def _is_callable(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            is_pure = function.id in _PURE_FUNCTIONS or _is_error(function.id)
            return function.id in self._functions or (is_pure and function.id not in self._values)
        if not isinstance(function, ast.Attribute) or function.attr.startswith("_"):
            return False
        owner = function.value
        if isinstance(owner, ast.Name):
            if owner.id == "self":
                return bool(_ASSERTS.match(function.attr))
            if owner.id == "pytest":
                return function.attr in _PYTEST_FUNCTIONS
            if owner.id == "sys":
                return function.attr == "exit"
            if owner.id in self._objects:
                return True
        if self._is_of_module(function):
            return True
        return function.attr in _METHODS and not isinstance(owner, ast.Attribute) and self._is_plain(owner)

    def _is_attribute(self, node: ast.Attribute) -> bool:
        if node.attr.startswith("_") or not isinstance(node.ctx, ast.Load):
            return False
        return self._is_of_module(node) or self._is_plain(node.value)

    def _is_of_module(self, node: ast.Attribute) -> bool:
        """Whether a node is a name in a module of the code under test."""
        owner: ast.expr = node
        while isinstance(owner, ast.Attribute):
            if owner.attr.startswith("_"):
                return False
            owner = owner.value
        return isinstance(owner, ast.Name) and owner.id in self._modules - {"pytest"}

    def _is_mark(self, node: ast.expr) -> bool:
        """Whether a decorator only marks a test, or sets plain parameters."""
        name = ast.unparse(node.func if isinstance(node, ast.Call) else node)
        if not name.startswith("pytest.mark.") or name.endswith("usefixtures"):
            return False
        return not isinstance(node, ast.Call) or self._is_all_plain([*node.args, *node.keywords])

    def _parameters(self, node: ast.expr) -> set[str]:
        """Return the names of parameters that a `parametrize` decorator sets."""
        if (
            not isinstance(node, ast.Call)
            or not ast.unparse(node.func).endswith("parametrize")
            or not node.args
        ):
            return set()
        names = node.args[0]
        if isinstance(names, ast.Constant):
            return {name.strip() for name in str(names.value).split(",")}
        elements = names.elts if isinstance(names, ast.Tuple | ast.List) else []
        return {str(element.value) for element in elements if isinstance(element, ast.Constant)}


def _has_comparison(node: ast.AST) -> bool:
    """Whether a node contains a comparison: its value may be a query instead of a truth value."""
    return any(isinstance(child, ast.Compare) for child in ast.walk(node))


def _tops(node: ast.Import | ast.ImportFrom) -> set[str]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return {module.partition(".")[0] for module in modules}


def _is_error(name: str) -> bool:
    value = getattr(builtins, name, None)
    return isinstance(value, type) and issubclass(value, BaseException)


def is_main(node: ast.If) -> bool:
    """Whether an `if` statement tests for `__name__ == '__main__'`."""
    return ast.unparse(node.test) in ("__name__ == '__main__'", "'__main__' == __name__")


def is_constant(node: ast.expr) -> bool:
    """Whether an expression is a literal, or a docstring."""
    return isinstance(node, ast.Constant)
