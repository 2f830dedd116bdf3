"""Languages of source files, with their grammars and queries for definitions.

The grammars and most of their queries are tree-sitter's packages (extra `repo`).
"""

from __future__ import annotations

import importlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language

_ADDED_QUERIES = {
    "typescript": """
(type_alias_declaration name: (type_identifier) @name) @definition.type
(enum_declaration name: (identifier) @name) @definition.enum
(internal_module name: (_) @name) @definition.module
""",
    "java": """
(enum_declaration name: (identifier) @name) @definition.class
(record_declaration name: (identifier) @name) @definition.class
""",
    "rust": "(function_signature_item name: (identifier) @name) @definition.function",
    "cpp": """
(function_declarator declarator: (qualified_identifier
  name: (qualified_identifier name: (identifier) @name))) @definition.method
""",
    "php": "(enum_declaration name: (name) @name) @definition.class",
    "csharp": """
[(class_declaration name: (_) @name) (interface_declaration name: (_) @name)
 (struct_declaration name: (_) @name) (enum_declaration name: (_) @name)
 (record_declaration name: (_) @name) (delegate_declaration name: (_) @name)
 (method_declaration name: (_) @name) (property_declaration name: (_) @name)] @definition
""",
}
"""Definitions that the grammar's own query for tags omits; C# has no such query."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Module and function that provide a language's tree-sitter grammar."""

    module: str
    function: str = "language"
    """Function of the module that returns the grammar."""
    extends: tuple[str, ...] = ()
    """Modules whose queries are also valid for this language."""
    added_query: str = ""
    """Query for definitions that the module's query omits."""

    def load(self) -> tuple[Language, str]:
        """Load grammar and query; `@name` beside `@definition…` is a defined name. Raises ImportError."""
        from tree_sitter import Language

        modules = [importlib.import_module(name) for name in (self.module, *self.extends)]
        tags = [getattr(module, "TAGS_QUERY", None) or "" for module in modules]
        return Language(getattr(modules[0], self.function)()), "\n".join([*tags, self.added_query])


_JAVASCRIPT = "tree_sitter_javascript"
_TYPESCRIPT = "tree_sitter_typescript"
GRAMMARS = {
    "python": Grammar("tree_sitter_python"),
    "javascript": Grammar(_JAVASCRIPT),
    "typescript": Grammar(_TYPESCRIPT, "language_typescript", (_JAVASCRIPT,), _ADDED_QUERIES["typescript"]),
    "tsx": Grammar(_TYPESCRIPT, "language_tsx", (_JAVASCRIPT,), _ADDED_QUERIES["typescript"]),
    "go": Grammar("tree_sitter_go"),
    "rust": Grammar("tree_sitter_rust", added_query=_ADDED_QUERIES["rust"]),
    "java": Grammar("tree_sitter_java", added_query=_ADDED_QUERIES["java"]),
    "c": Grammar("tree_sitter_c"),
    "cpp": Grammar("tree_sitter_cpp", added_query=_ADDED_QUERIES["cpp"]),
    "ruby": Grammar("tree_sitter_ruby"),
    "php": Grammar("tree_sitter_php", "language_php", added_query=_ADDED_QUERIES["php"]),
    "csharp": Grammar("tree_sitter_c_sharp", added_query=_ADDED_QUERIES["csharp"]),
}
_SUFFIXES = {
    "python": (".py", ".pyi"),
    "javascript": (".js", ".jsx", ".mjs", ".cjs"),
    "typescript": (".ts", ".mts", ".cts"),
    "tsx": (".tsx",),
    "go": (".go",),
    "rust": (".rs",),
    "java": (".java",),
    "c": (".c",),
    "cpp": (".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx"),
    "ruby": (".rb", ".rake"),
    "php": (".php",),
    "csharp": (".cs",),
}
_LANGUAGE_BY_SUFFIX = {ending: language for language, endings in _SUFFIXES.items() for ending in endings}


def language_of(path: str) -> str | None:
    """Return the language of a source file, by its suffix; None if unknown."""
    return _LANGUAGE_BY_SUFFIX.get(posixpath.splitext(path)[1].lower())
