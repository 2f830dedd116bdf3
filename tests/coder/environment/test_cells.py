"""Cells of scripts and notebooks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.environment.script_cells import cells_of, cells_of_notebook


def notebook(*cells: dict[str, object], nbformat: int = 4) -> bytes:
    return json.dumps({"nbformat": nbformat, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def test_a_script_without_marks_is_one_cell() -> None:
    assert cells_of("x = 1\n# a comment with %% in it\nx\n") == ("x = 1\n# a comment with %% in it\nx\n",)


def test_marks_divide_a_script_and_text_is_left_out() -> None:
    source = (
        "import math\n# %% first\nx = 1\n#%%\nx\n# %% [markdown]\n# text\n# %% title [md]\n# more\n# %%\n\n"
    )

    assert cells_of(source) == ("import math\n", "x = 1\n", "x\n")


@pytest.mark.slow
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="#\r"), min_size=1), max_size=5))
def test_nothing_of_a_script_is_lost_between_its_marks(parts: list[str]) -> None:
    parts = [part for part in parts if part.strip()]

    assert cells_of("\n# %%\n".join(parts)) == tuple(
        part + "\n" if number < len(parts) - 1 else part for number, part in enumerate(parts)
    )


def test_only_the_code_of_a_notebook_is_run() -> None:
    content = notebook(
        {"cell_type": "markdown", "source": "# title"},
        {"cell_type": "code", "source": ["x = 1\n", "x"], "outputs": [], "execution_count": None},
        {"cell_type": "code", "source": "x + 1", "outputs": []},
        {"cell_type": "code", "source": "  \n", "outputs": []},
    )

    assert cells_of_notebook(content, "a.ipynb") == ("x = 1\nx", "x + 1")


def test_an_older_notebook_is_refused_with_the_way_to_renew_it() -> None:
    with pytest.raises(UsageError, match="nbconvert"):
        cells_of_notebook(notebook(nbformat=3), "a.ipynb")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x = 1",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b"[" * 100_000,
        notebook({"cell_type": "code"}),
        notebook(None),
    ],
)
def test_what_is_no_notebook_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"a\.ipynb"):
        cells_of_notebook(content, "a.ipynb")
