"""Checks report the assertions that an empty value left out, and none that the test itself leaves out."""

import pytest

from sandbox.verdicts.check import Assertion, TestFile
from tests.sandbox.verdicts.pairs import Pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

EMPTY, FULL = "def words(text): return []\n", "def words(text): return text.split()\n"
LOOP = "for word in words('a b'):\n        assert len(word) == 1"
FILES = {
    "a function": f"def test_words():\n    {LOOP}\n",
    "a method of unittest": (
        "import unittest\n\nclass T(unittest.TestCase):\n    def test_words(self):\n"
        "        for word in words('a b'):\n            self.assertEqual(len(word), 1)\n"
    ),
    "pytest": f"import pytest\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_words(n):\n    {LOOP}\n",
    "a helper in a loop": (
        "def check_word(word):\n    assert len(word) == 1\n\ndef test_words():\n"
        "    for word in words('a b'):\n        check_word(word)\n"
    ),
    "a while": (
        "def test_words():\n    left = words('a b')\n    while left:\n        assert len(left.pop()) == 1\n"
    ),
    "one line": "def test_words():\n    assert all(len(word) == 1 for word in words('a b'))\n",
    "a statement": "for word in words('a b'): assert len(word) == 1\n",
}


@pytest.mark.parametrize("name", FILES)
async def test_an_assertion_that_an_empty_value_left_out_is_reported(pair: Pair, name: str) -> None:
    source = FILES[name] if "import" not in FILES[name] else f"from solution import words\n{FILES[name]}"
    file = TestFile(path="test_words.py", source=source)

    empty, full = await pair.check(EMPTY, file), await pair.check(FULL, file)

    assert (empty.passed, full.passed, full.unreached) == (True, True, frozenset())
    (place,) = empty.unreached
    assert place.startswith("test_words.py:")
    assert "assert" in place or "check_word" in place


LEFT_OUT = {
    "an expected error": (
        "import pytest\n\ndef test_words():\n    with pytest.raises(AttributeError):\n"
        "        for word in words(None):\n            assert word\n"
    ),
    "after an expected error": (
        "def test_words():\n    try:\n        words(None)\n    except AttributeError:\n        return\n"
        "    assert False\n"
    ),
    "a platform": (
        "import sys\n\ndef test_words():\n    if sys.platform == 'win32':\n        assert words('') == ['']\n"
        "    assert words('a') == ['a']\n"
    ),
    "a skip": (
        "import pytest\n\ndef test_words():\n    pytest.skip('not here')\n    for word in words('a'):\n"
        "        assert word\n\ndef test_more():\n    assert words('a') == ['a']\n"
    ),
    "a parameter": (
        "import pytest\n\n@pytest.mark.parametrize('text', ['a'])\ndef test_words(text):\n"
        "    if text == '':\n        assert words(text) == []\n    assert words('a') == ['a']\n"
    ),
    "a condition": "def test_words():\n    got = words('')\n    if got:\n        assert got == ['a']\n",
    "another assertion": (
        "def test_words():\n    for word in words(''):\n        assert word\n    assert words('a') == ['a']\n"
    ),
    "an empty list that is expected": "def test_words():\n    assert [word for word in words('')] == []\n",
    "a try": (
        "def test_words():\n    try:\n        assert words(None) == []\n"
        "    except AttributeError:\n        pass\n"
    ),
    "a filter": (
        "def test_words():\n    assert all(word == 'b' for word in words('a') if word > 'a')\n"
        "    assert words('a') == ['a']\n"
    ),
    "a helper that no test calls": (
        "def check_words(text):\n    for word in words(text):\n        assert word\n\n"
        "def test_words():\n    assert words('a') == ['a']\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT_OUT)
async def test_an_assertion_that_the_test_itself_leaves_out_is_not(pair: Pair, name: str) -> None:
    source = f"from solution import words\n{LEFT_OUT[name]}"

    report = await pair.check(FULL, TestFile(path="test_words.py", source=source))

    assert (report.passed, report.unreached) == (True, frozenset()), report.results


@pytest.mark.parametrize("source", ["for w in words('a'): assert w", "assert all(w for w in words('a'))"])
async def test_a_statement_given_as_a_check_is_traced_too(pair: Pair, source: str) -> None:
    empty = await pair.check(EMPTY, Assertion(source=source))
    full = await pair.check(FULL, Assertion(source=source))

    assert (empty.passed, full.passed, full.unreached) == (True, True, frozenset())
    assert empty.unreached == {f"<check>:1: {source}"}
