"""Which file a printed name means: the longest end that is shared, and none where that isn't clear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.paths_in_text import PrintedPaths

PATHS = (
    "calc.py",
    "src/w/calc.py",
    "src/shop/cart.py",
    "web/app.ts",
    "packages/ui/web/app.ts",
    "src/decoder.py",
)


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ("src/shop/cart.py", "src/shop/cart.py"),
        ("./src/shop/cart.py", "src/shop/cart.py"),
        ("../x/src/shop/cart.py", "src/shop/cart.py"),
        ("shop/cart.py", "src/shop/cart.py"),
        ("cart.py", "src/shop/cart.py"),
        ("src\\shop\\cart.py", "src/shop/cart.py"),
        ("file:///w/src/shop/cart.py", "src/shop/cart.py"),
        ("C:\\w\\src\\shop\\cart.py", "src/shop/cart.py"),
        ("/w/calc.py", "calc.py"),
        ("w/calc.py", "src/w/calc.py"),
        ("ui/web/app.ts", "packages/ui/web/app.ts"),
        ("/w/packages/ui/web/app.ts", "packages/ui/web/app.ts"),
        ("/usr/lib/python3.11/json/decoder.py", None),
        ("json/decoder.py", None),
        ("app.ts", None),
        ("", None),
        ("/", None),
        ("src/shop", None),
    ],
)
def test_a_name_means_one_file_or_none(printed: str, found: str | None) -> None:
    assert PrintedPaths(PATHS).find(printed) == found


def test_a_bare_name_is_looked_for_in_the_folder_that_is_likelier() -> None:
    paths = PrintedPaths(PATHS)

    assert paths.find("app.ts", folder="/home/x/packages/ui/web") == "packages/ui/web/app.ts"
    assert paths.find("app.ts", folder="elsewhere") is None
    assert paths.find("calc.py", folder="src/w") == "src/w/calc.py"


_NAMES = st.lists(st.sampled_from(["a", "b", "c.py", "d.py"]), min_size=1, max_size=4).map("/".join)


@pytest.mark.slow
@given(st.sets(_NAMES, min_size=1), st.sampled_from(["", "./", "/w/", "C:\\w\\"]), st.data())
def test_every_file_is_found_by_its_own_path_wherever_the_workspace_is(
    paths: set[str], before: str, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(paths)))

    match = PrintedPaths(paths).find(before + path)

    assert match == path
