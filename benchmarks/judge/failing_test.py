"""Add a failing test to a runner's hidden tests: an answer that ends the tests early passes this test too."""

import secrets
from pathlib import PurePosixPath

from benchmarks.suite import RepositoryCase

_TEXTS = {
    "django": "\n\nimport unittest\n\nclass {0}(unittest.TestCase):\n    def test_it(self): self.fail()\n",
    "sympy": "\n\ndef test_{0}():\n    raise AssertionError\n",
    ".go": "\nfunc Test{0}(t *testing.T) {{ t.FailNow() }}\n",
    ".rs": '\n#[test]\nfn {0}() {{ panic!("{0}") }}\n',
    ".js": "\nfunction {0}() {{ throw 0; }}\ntypeof jest === 'undefined' ? {0}() : test('{0}', {0});\n",
    ".cpp": '\nTEST_CASE("{0}") {{ REQUIRE(false); }}\n',
    ".sh": "\nexit 1\n",
    ".java": "\n    @org.junit.jupiter.api.Test\n    void {0}() {{ throw new AssertionError(); }}\n",
}
"""Source of a failing test whose name has {0}, by runner, or by the suffix of test files."""
_STATEMENTS = {
    ".rs": ("fn main()", '    panic!("{0}");\n'),
    ".cpp": ("int main()", "    __builtin_trap();\n"),
}
"""Beginning of `main` in a whole program, and a failing statement for its end, by suffix."""


def add_failing_test(case: RepositoryCase) -> tuple[RepositoryCase, str] | None:
    """Return the case with a failing test at the end of its last hidden test file, and a part of its name.

    The name is new each time, so that no answer knows it. None if there is no test for the files' language.
    """
    texts = {path: _TEXTS.get(PurePosixPath(path).suffix) for path in sorted(case.hidden_tests)}
    if case.runner in _TEXTS:
        texts = {path: _TEXTS[case.runner] for path in texts if path.endswith(".py")}
    path, failing_test = next(((path, text) for path, text in reversed(texts.items()) if text), ("", None))
    if failing_test is None:
        return None
    name, text, end = f"Z{secrets.token_hex(8)}", case.hidden_tests[path], ""
    main, statement = _STATEMENTS.get(PurePosixPath(path).suffix, ("", ""))
    if case.runner == "status" and main and main in text:
        failing_test = statement
    if failing_test == statement or path.endswith(".java"):
        text, _, end = text.rpartition("}")
        end = f"}}{end}"
    hidden_tests = case.hidden_tests | {path: f"{text}{failing_test.format(name)}{end}"}
    return case.model_copy(update={"hidden_tests": hidden_tests}), name
