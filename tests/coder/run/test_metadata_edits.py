"""Edits of a project's metadata: they decide nothing, and all else in the same files may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.run.metadata_edits import changes_metadata_alone

PYPROJECT = """\
[project]
name = "cart"
version = "1.0"

[tool.pytest.ini_options]
addopts = "-q"
xfail_strict = true
"""
PACKAGE = '{"name": "cart", "version": "1.0.0", "scripts": {"test": "jest"}, "jest": {"bail": 1}}'
SETUP = "[metadata]\nversion = 1.0\n[options]\npackages = cart\n[tool:pytest]\naddopts = -q\n"
TEXTS = {"pyproject.toml": PYPROJECT, "package.json": PACKAGE, "setup.cfg": SETUP}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("pyproject.toml", '"1.0"', '"2.0"\ndependencies = ["attrs"]'),
        ("pyproject.toml", "[project]", '[tool.poetry]\nversion = "2.0"\n[project]'),
        ("package.json", '"1.0.0"', '"2.0.0", "dependencies": {"left-pad": "1"}'),
        ("setup.cfg", "= 1.0", "= 2.0\nauthor =\n  [Me]"),
        ("setup.cfg", "packages = cart", "packages = cart\ninstall_requires = attrs"),
    ],
)
def test_metadata_decide_nothing(path: str, old: str, new: str) -> None:
    assert changes_metadata_alone(path, TEXTS[path], TEXTS[path].replace(old, new))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("pyproject.toml", '"-q"', '"-q --deselect test_a.py"'),
        ("pyproject.toml", "true", "1"),
        ("pyproject.toml", "[tool", '[project.entry-points.pytest11]\nown = "cart"\n[tool'),
        ("pyproject.toml", "[tool", '[project.scripts]\npytest = "cart:pass"\n[tool'),
        ("pyproject.toml", "[tool", '[tool.poetry.plugins.pytest11]\nown = "cart"\n[tool'),
        ("pyproject.toml", "[project]", "[build-system]\nrequires = []\n[project]"),
        ("pyproject.toml", "[project]", "[project"),
        ("pyproject.toml", PYPROJECT[PYPROJECT.index("[tool") :], ""),
        ("pyproject.toml", PYPROJECT, "project = 1"),
        ("pyproject.toml", PYPROJECT, "tool = 1"),
        ("package.json", PACKAGE, "[[]]"),
        ("package.json", '"jest"', '"true"'),
        ("package.json", '"bail": 1', '"testMatch": []'),
        ("package.json", '{"name"', '{"type": "module", "name"'),
        ("package.json", PACKAGE, "[]"),
        ("package.json", PACKAGE, "[" * 100_000),
        ("setup.cfg", "-q", "-q --deselect test_a.py"),
        ("setup.cfg", "[options]", "[options.entry_points]"),
        ("setup.cfg", "= 1.0", "= 2.0\x0c[tool:pytest]\naddopts = --co"),
        ("setup.cfg", "= 1.0", "= 2.0\r[tool:pytest]\raddopts = --co"),
        ("tox.ini", "", "x"),
    ],
)
def test_what_else_a_file_holds_may_decide(path: str, old: str, new: str) -> None:
    before = TEXTS.get(path, "")
    after = before.replace(old, new)

    assert after != before
    assert not changes_metadata_alone(path, before, after)


def test_a_new_a_removed_and_a_nested_file_may_decide() -> None:
    assert not changes_metadata_alone("pyproject.toml", None, PYPROJECT)
    assert not changes_metadata_alone("pyproject.toml", PYPROJECT, None)
    assert not changes_metadata_alone("tests/data/pyproject.toml", PYPROJECT, PYPROJECT + "\n")


@given(path=st.sampled_from(sorted(TEXTS)), text=st.text(), place=st.integers(0, 200))
def test_no_text_that_is_put_in_raises_or_passes_as_the_setting_of_a_test(
    path: str, text: str, place: int
) -> None:
    before = TEXTS[path]

    result = changes_metadata_alone(path, before, before[:place] + text + before[place:])

    assert result in (True, False)
    if path == "setup.cfg" and place > before.index("addopts") and text.strip():
        assert not result
