"""Languages of source files, and for each the places in its syntax tree where something is defined.

The grammars are tree-sitter's, one small package for each (extra `repo`); Python has a second way without.
"""

from __future__ import annotations

import importlib
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language

_FUNCTIONS_OF_JAVASCRIPT = """
(method_definition name: (_) @name)
(function_declaration name: (identifier) @name)
(generator_function_declaration name: (identifier) @name)
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression) (class)])
(pair key: (property_identifier) @name value: [(arrow_function) (function_expression)])
(assignment_expression left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (class)])
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name)))
"""
_JAVASCRIPT = f"""
(class_declaration name: (identifier) @name)
(field_definition property: (_) @name value: [(arrow_function) (function_expression)])
{_FUNCTIONS_OF_JAVASCRIPT}
"""
_TYPESCRIPT = f"""
(class_declaration name: (type_identifier) @name)
(abstract_class_declaration name: (type_identifier) @name)
(interface_declaration name: (type_identifier) @name)
(type_alias_declaration name: (type_identifier) @name)
(enum_declaration name: (identifier) @name)
(internal_module name: (_) @name)
(function_signature name: (identifier) @name)
(abstract_method_signature name: (_) @name)
(method_signature name: (_) @name)
(public_field_definition name: (_) @name value: [(arrow_function) (function_expression)])
{_FUNCTIONS_OF_JAVASCRIPT}
"""
_C = """
(function_definition declarator: (function_declarator declarator: (identifier) @name))
(function_definition declarator: (pointer_declarator
  declarator: (function_declarator declarator: (identifier) @name)))
(translation_unit (declaration declarator: (function_declarator declarator: (identifier) @name)))
(struct_specifier name: (type_identifier) @name body: (_))
(union_specifier name: (type_identifier) @name body: (_))
(enum_specifier name: (type_identifier) @name body: (_))
(type_definition declarator: (type_identifier) @name)
(preproc_def name: (identifier) @name)
(preproc_function_def name: (identifier) @name)
"""
_CPP = f"""
{_C}
(class_specifier name: (type_identifier) @name body: (_))
(namespace_definition name: (namespace_identifier) @name)
(alias_declaration name: (type_identifier) @name)
(function_declarator declarator: (field_identifier) @name)
(function_declarator declarator: (qualified_identifier name: (identifier) @name))
(function_declarator declarator: (qualified_identifier name: (qualified_identifier name: (identifier) @name)))
(function_definition declarator: (reference_declarator (function_declarator declarator: (identifier) @name)))
"""
_PYTHON = """
(class_definition name: (identifier) @name)
(function_definition name: (identifier) @name)
(module (expression_statement (assignment left: (identifier) @name)))
"""
_GO = """
(function_declaration name: (identifier) @name)
(method_declaration name: (field_identifier) @name)
(type_spec name: (type_identifier) @name)
(type_alias name: (type_identifier) @name)
(source_file (const_declaration (const_spec name: (identifier) @name)))
(source_file (var_declaration (var_spec name: (identifier) @name)))
"""
_RUST = """
(struct_item name: (type_identifier) @name)
(enum_item name: (type_identifier) @name)
(union_item name: (type_identifier) @name)
(trait_item name: (type_identifier) @name)
(type_item name: (type_identifier) @name)
(function_item name: (identifier) @name)
(function_signature_item name: (identifier) @name)
(macro_definition name: (identifier) @name)
(mod_item name: (identifier) @name)
(const_item name: (identifier) @name)
(static_item name: (identifier) @name)
"""
_JAVA = """
(class_declaration name: (identifier) @name)
(interface_declaration name: (identifier) @name)
(enum_declaration name: (identifier) @name)
(record_declaration name: (identifier) @name)
(annotation_type_declaration name: (identifier) @name)
(method_declaration name: (identifier) @name)
(constructor_declaration name: (identifier) @name)
"""
_RUBY = """
(class name: (constant) @name)
(class name: (scope_resolution name: (constant) @name))
(module name: (constant) @name)
(module name: (scope_resolution name: (constant) @name))
(method name: (_) @name)
(singleton_method name: (_) @name)
(assignment left: (constant) @name)
"""
_PHP = """
(class_declaration name: (name) @name)
(interface_declaration name: (name) @name)
(trait_declaration name: (name) @name)
(enum_declaration name: (name) @name)
(function_definition name: (name) @name)
(method_declaration name: (name) @name)
(const_element (name) @name)
"""
_C_SHARP = """
(class_declaration name: (identifier) @name)
(interface_declaration name: (identifier) @name)
(struct_declaration name: (identifier) @name)
(enum_declaration name: (identifier) @name)
(record_declaration name: (identifier) @name)
(delegate_declaration name: (identifier) @name)
(method_declaration name: (identifier) @name)
(constructor_declaration name: (identifier) @name)
(property_declaration name: (identifier) @name)
"""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Where a language's grammar is, and what in it defines a name."""

    module: str
    query: str
    """Captures each defined name as `@name`."""
    function: str = "language"
    """Of the module: it gives the grammar."""

    def load(self) -> Language:
        """The grammar.

        Raises:
            ImportError: the extra `repo` isn't installed.
        """
        from tree_sitter import Language

        return Language(getattr(importlib.import_module(self.module), self.function)())


GRAMMARS = {
    "python": Grammar("tree_sitter_python", _PYTHON),
    "javascript": Grammar("tree_sitter_javascript", _JAVASCRIPT),
    "typescript": Grammar("tree_sitter_typescript", _TYPESCRIPT, "language_typescript"),
    "tsx": Grammar("tree_sitter_typescript", _TYPESCRIPT, "language_tsx"),
    "go": Grammar("tree_sitter_go", _GO),
    "rust": Grammar("tree_sitter_rust", _RUST),
    "java": Grammar("tree_sitter_java", _JAVA),
    "c": Grammar("tree_sitter_c", _C),
    "cpp": Grammar("tree_sitter_cpp", _CPP),
    "ruby": Grammar("tree_sitter_ruby", _RUBY),
    "php": Grammar("tree_sitter_php", _PHP, "language_php"),
    "csharp": Grammar("tree_sitter_c_sharp", _C_SHARP),
}
_ENDINGS = {
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
# What is never closed goes to the end, of the line or of the text: so no text is read twice.
_DOUBLE = r'"(?:\\.|[^"\\\n])*(?:"|$)'
_SINGLE = r"'(?:\\.|[^'\\\n])*(?:'|$)"
_CHARACTER = r"'(?:\\[^\n']{1,10}|[^'\\\n])'"
_BLOCK = r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)"
_TRIPLE = r'"""[\s\S]*?(?:"""|\Z)|\'{3}[\s\S]*?(?:\'{3}|\Z)'
_PROSE = {
    "python": rf"{_TRIPLE}|{_DOUBLE}|{_SINGLE}|#[^\n]*",
    "ruby": rf"{_DOUBLE}|{_SINGLE}|#[^\n]*",
    "php": rf"{_DOUBLE}|{_SINGLE}|#[^\n]*|{_BLOCK}",
    "rust": rf"{_DOUBLE}|{_CHARACTER}|{_BLOCK}",  # a single quote is a lifetime's too
}
_WITHOUT = {
    language: re.compile(_PROSE.get(language, rf"{_DOUBLE}|{_SINGLE}|{_BLOCK}"), re.MULTILINE)
    for language in GRAMMARS
}
_LANGUAGE = {ending: language for language, endings in _ENDINGS.items() for ending in endings}


def language_of(path: str) -> str | None:
    """The language of a source file, by the ending of its name; None where none of ours has it."""
    return _LANGUAGE.get(posixpath.splitext(path)[1].lower())


def without_prose(language: str, text: str) -> str:
    """The text without strings and comments, as far as one regular expression can tell them."""
    return _WITHOUT[language].sub(" ", text)
