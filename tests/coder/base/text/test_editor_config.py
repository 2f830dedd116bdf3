"""`.editorconfig` says in which charset a file is."""

import string
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.editor_config import charset_among

GLOBS = [
    ("*", "a.txt", True),
    ("*", "sub/deep/a.txt", True),
    ("*.py", "sub/a.py", True),
    ("*.py", "sub/a.pyc", False),
    ("/*.py", "a.py", True),
    ("/*.py", "sub/a.py", False),
    ("sub/*.py", "sub/a.py", True),
    ("sub/*.py", "other/sub/a.py", False),
    ("sub/**.py", "sub/deep/a.py", True),
    ("sub/**/a.py", "sub/a.py", True),
    ("sub/**/a.py", "sub/x/y/a.py", True),
    ("**/a.py", "a.py", True),
    ("a**/b", "a/b", True),
    ("a**/b", "ab", False),
    ("?.py", "a.py", True),
    ("a?b", "a/b", False),
    ("[ab].py", "b.py", True),
    ("[a-c].py", "b.py", True),
    ("[!ab].py", "b.py", False),
    ("[!ab].py", "c.py", True),
    ("*.{py,txt}", "a.txt", True),
    ("{a,b{c,d}}.py", "bd.py", True),
    ("{a,b{c,d}}.py", "b.py", False),
    ("{single}.b", "{single}.b", True),
    ("{single}.b", "single.b", False),
    ("{.py", "{.py", True),
    ("f{1..12}.py", "f12.py", True),
    ("f{1..12}.py", "f13.py", False),
    ("f{-3..3}.py", "f-2.py", True),
    (r"a\*.py", "a*.py", True),
    (r"a\*.py", "ab.py", False),
    ("[ab.py", "[ab.py", True),
    ("Makefile", "makefile", False),
]


def of(text: str, path: str = "a.py") -> str | None:
    return charset_among({".editorconfig": text})(path)


@pytest.mark.parametrize(("glob", "path", "does_match"), GLOBS)
def test_a_section_applies_to_the_paths_that_its_glob_matches(glob: str, path: str, does_match: bool) -> None:
    assert of(f"[{glob}]\ncharset = latin1\n", path) == ("latin-1" if does_match else None)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("latin1", "latin-1"),
        ("Latin1", "latin-1"),
        ("utf-16le", "utf-16-le"),
        ("utf-16be", "utf-16-be"),
        ("utf-8-bom", "utf-8-sig"),
        ("utf-8", None),
        ("unset", None),
        ("shift_jis", None),
        ("", None),
    ],
)
def test_the_charsets_of_the_specification_are_read(charset: str, codec: str | None) -> None:
    assert of(f"; a comment\n\n[*]\nindent_size = 4\nCHARSET={charset}\n") == codec


def test_the_last_section_of_the_nearest_file_up_to_the_root_decides() -> None:
    configs = {
        ".editorconfig": "[*]\ncharset = utf-16le\n",
        "sub/.editorconfig": (
            "root = true\n[*.py]\ncharset = utf-8\n[*]\ncharset = latin1\n[x.py]\ncharset = unset\n"
        ),
        "sub/deep/.editorconfig": "[b.py]\ncharset = utf-16be\n",
    }
    charset_of = charset_among(configs)

    codecs = {
        path: charset_of(path) for path in ("a.py", "sub/a.py", "sub/x.py", "sub/deep/b.py", "sub/deep/a")
    }

    assert codecs == {
        "a.py": "utf-16-le",
        "sub/a.py": "latin-1",
        "sub/x.py": None,
        "sub/deep/b.py": "utf-16-be",
        "sub/deep/a": "latin-1",
    }


@given(st.text(alphabet="[]{}*?!,.\\/=#;ab1-\n\0é ", max_size=40), st.text(alphabet="ab1./{*-é", max_size=12))
def test_no_file_breaks_a_run(text: str, path: str) -> None:
    charset_of = charset_among({".editorconfig": f"[{text}]\ncharset=latin1\n[*.ok]\ncharset=utf-16le\n"})

    assert charset_of(path) in ("latin-1", None)
    assert charset_of("a.ok") == "utf-16-le"


@given(st.text(alphabet="ab*?", min_size=1, max_size=8), st.text(alphabet="abc", min_size=1, max_size=8))
def test_wildcards_within_a_name_match_as_those_of_the_shell(glob: str, name: str) -> None:
    assert (of(f"[{glob}]\ncharset=latin1\n", name) is not None) == fnmatchcase(name, glob)


@given(
    st.lists(st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=3), min_size=2, max_size=5),
    st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=3),
)
def test_braces_match_each_of_their_words_and_no_other(words: list[str], name: str) -> None:
    glob = "{" + ",".join(words) + "}"

    assert all(of(f"[{glob}]\ncharset=latin1\n", word) == "latin-1" for word in words)
    assert (of(f"[{glob}]\ncharset=latin1\n", name) is not None) == (name in words)


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(-2000, 2000))
def test_a_range_matches_the_numbers_within_it(first: int, last: int, number: int) -> None:
    is_within = min(first, last) <= number <= max(first, last)

    assert (of(f"[{{{first}..{last}}}]\ncharset=latin1\n", str(number)) is not None) == is_within
