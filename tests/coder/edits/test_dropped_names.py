"""Which names a whole file drops of those that its old text defines."""

import pytest

from coder.edits.top_level import dropped_names

IMPORTS = "import os\nimport sys\nfrom json import dumps\n\n\n"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.py", f"{IMPORTS}def f():\n    pass\n", "def f():\n    return 1\n"),
        ("a.py", "try:\n    import tomllib\nexcept ImportError:\n    import tomli\nX = 1\n", "X = 2\n"),
        ("a.py", "class A:\n    pass\n\n\nB = 1\n", "from other import A, B\n"),
        ("__init__.py", "from .a import f\n", "from .a import f\n\n\ndef g():\n    pass\n"),
        ("a.js", 'const fs = require("fs");\nconst x = 1;\nlet y = require("y");\n', "const x = 2;\n"),
    ],
)
def test_imports_that_go_are_no_definitions_that_go(path: str, old: str, new: str) -> None:
    assert dropped_names(path, old, new) == []


def test_an_excerpt_that_keeps_all_imports_drops_the_definitions() -> None:
    old = f"{IMPORTS}class Store:\n    pass\n\n\ndef load():\n    pass\n\n\ndef save():\n    pass\n"

    assert dropped_names("a.py", old, f"{IMPORTS}def load():\n    pass\n") == ["Store", "save"]


def test_a_file_that_only_passes_imports_on_drops_them() -> None:
    old = '__version__ = "1"\nfrom .a import f\nfrom .b import g\n__all__ = ["f", "g"]\n'

    assert dropped_names("__init__.py", old, "from .c import h\n") == ["__all__", "__version__", "f", "g"]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.css", ".a {\n  top: 0;\n}\n.b {\n  top: 1;\n}\n", ".b {\n  top: 2;\n}\n"),
        ("a.html", "<html>\n<h1>A</h1>\n<p>B</p>\n</html>\n", "<h1>C</h1>\n"),
        ("a.json", '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}\n', '{\n  "a": 2\n}\n'),
        ("a.sql", "CREATE TABLE a (id int);\nCREATE TABLE b (id int);\n", "CREATE TABLE a (id text);\n"),
        ("a.txt", "one\ntwo\nthree\n", "four\n"),
        ("a.py", "print(1)\nprint(2)\nprint(3)\n", "print(4)\n"),
    ],
)
def test_an_excerpt_of_a_file_without_names_drops_most_of_its_lines(path: str, old: str, new: str) -> None:
    assert dropped_names(path, old, new)
    assert dropped_names(path, old, f"{old}{new}") == []


def test_a_rewrite_of_a_text_that_is_as_long_drops_nothing() -> None:
    assert dropped_names("a.txt", "one\ntwo\n", "three\nfour\n") == []
