"""`coder run --kernel`: cells of a script or a notebook as one program."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console

SCRIPT = """\
sizes = [1, 2]
print('begun')
# %% a table
from IPython.display import HTML
open('sizes.txt', 'w').write(str(sizes))
HTML('<b>table</b>')
# %%
sum(sizes)
"""


@pytest.mark.slow
def test_cells_of_a_script_run_one_after_the_other(console: Console, folder: Path) -> None:
    (folder / "script.py").write_text(SCRIPT)

    done = console.run("run", "--kernel", "--artifacts", "out", "script.py", cwd=folder)

    assert (done.code, done.out) == (0, "begun\n3\n")
    assert (folder / "out" / "sizes.txt").read_text() == "[1, 2]"
    assert (folder / "out" / "cell-2-1.html").read_text() == "<b>table</b>"


@pytest.mark.slow
def test_the_first_cell_that_fails_is_the_last(console: Console) -> None:
    done = console.run("run", "--kernel", "-c", "print(1)\n# %%\n1 / 0\n# %%\nprint(2)\n")

    assert (done.code, done.out) == (1, "1\n")
    assert "ZeroDivisionError" in done.err


@pytest.mark.slow
def test_a_notebook_runs_and_is_a_result_in_json(console: Console, folder: Path) -> None:
    cells = [{"cell_type": "code", "source": source, "outputs": []} for source in ("x = 20", "x + 1")]
    (folder / "note.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}))

    done = console.run("run", "--kernel", "--json", "note.ipynb", cwd=folder)

    result = json.loads(done.out)
    assert (done.code, result["status"], result["stdout"]) == (0, "ok", "21\n")
    assert (result["artifacts"], result["backend"]) == ([], "bubblewrap")


def test_a_notebook_without_a_kernel_is_told_the_flag(console: Console, folder: Path) -> None:
    (folder / "note.ipynb").write_text("{}")

    done = console.run("run", "note.ipynb", cwd=folder)

    assert done.code == 2
    assert "coder run --kernel note.ipynb" in done.err


@pytest.mark.parametrize("words", [("--", "ls"), ("-c", "1", "argument")])
def test_what_is_no_cell_is_refused(console: Console, words: tuple[str, ...]) -> None:
    done = console.run("run", "--kernel", *words)

    assert done.code == 2
    assert "--no-kernel" in done.err


@pytest.mark.slow
def test_all_cells_share_the_time_of_one_program(console: Console) -> None:
    cells = "import time\n" + "# %%\ntime.sleep(0.4)\n" * 9

    done = console.run("run", "--kernel", "--timeout", "1", "-c", cells)

    assert done.code == 124
    assert "ended after 1 s" in done.err


@pytest.mark.slow
def test_the_variable_asks_for_a_kernel_and_the_flag_wins_over_it(console: Console) -> None:
    kernel_run = console.run("run", "-c", "6 * 7", CODER_KERNEL="1")
    refused = console.run("run", "--no-kernel", "-c", "6 * 7", CODER_KERNEL="1")

    assert (kernel_run.out, refused.out) == ("42\n", "")


def test_a_repository_can_not_ask_for_a_kernel(console: Console, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.coder]\nkernel = true\n")

    done = console.run("solve", "x", str(folder), "--replay", "none.jsonl", cwd=folder)

    assert "kernel is ignored: a repository can't set it" in done.err
