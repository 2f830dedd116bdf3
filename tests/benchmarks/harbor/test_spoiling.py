"""Spoiled files run as before, and give no results to whoever uses them."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.harbor.spoiling import spoil

GIVES = {
    "function": "def add(a, b):\n    return a + b\n",
    "lambda": "add = lambda a, b: a + b\n",
    "function of a library": "from operator import add\n",
    "method": "class Sum:\n    def add(self, a, b):\n        return a + b\n\nadd = Sum().add\n",
    "last line without an end": "def add(a, b): return a + b",
    "future": "from __future__ import annotations\ndef add(a: int, b: int) -> int: return a + b\n",
}


def spoiled(path: str, text: str) -> str:
    content = spoil(path, text.encode())
    assert content is not None
    return content.decode()


def run(folder: Path, text: str, use: str) -> subprocess.CompletedProcess[str]:
    (folder / "answer.py").write_text(text)
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {use}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("text", GIVES.values(), ids=GIVES)
def test_spoiled_code_gives_no_result(tmp_path: Path, text: str) -> None:
    use = "import answer; print(answer.add(2, 3))"

    assert run(tmp_path, text, use).stdout == "5\n"
    ended = run(tmp_path, spoiled("answer.py", text), use)
    assert ended.stdout == ""
    assert "no result" in ended.stderr


def test_spoiled_code_still_does_what_it_does_beside_giving_results(tmp_path: Path) -> None:
    text = "import os\ndef code(): return 7\ndef add(a, b): os._exit(code())\n"

    assert run(tmp_path, spoiled("answer.py", text), "import answer; answer.add(2, 3)").returncode == 7


def test_a_value_that_decides_comparisons_is_still_given(tmp_path: Path) -> None:
    text = "class Any:\n    def __eq__(self, other): return True\ndef add(a, b): return Any()\n"

    ended = run(tmp_path, spoiled("answer.py", text), "import answer; assert answer.add(2, 3) == 5")

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("name", "program", "text"),
    [
        ("main.py", sys.executable, "#!/usr/bin/env python3\n# coding: latin-1\nprint(42)\n"),
        ("main.sh", "bash", "#!/bin/bash\necho 42\n"),
        ("main", "sh", "#!/bin/sh\necho 42\n"),
        ("main", sys.executable, "#!/usr/bin/env python3\nprint(42)\n"),
    ],
)
def test_a_spoiled_script_prints_nothing(tmp_path: Path, name: str, program: str, text: str) -> None:
    (script := tmp_path / name).write_text(spoiled(name, text))

    ended = subprocess.run([program, script], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, "")


@given(st.binary(), st.sampled_from(["a.py", "a.sh", "a", "a.txt", "a.c"]))
@example(b"#!/usr/bin/env python3", "a")
def test_any_content_is_spoiled_without_an_error_and_keeps_its_first_line(content: bytes, path: str) -> None:
    changed = spoil(path, content)

    if content.startswith(b"#!") and changed is not None:
        first = content.splitlines()[0]
        assert changed.splitlines()[0] == first
    if path in ("a.txt", "a.c") and not content.startswith(b"#!"):
        assert changed is None
