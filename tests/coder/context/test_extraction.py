"""The process that reads source files: what it may not do, and what its death means."""

import subprocess
import sys
from pathlib import Path

import pytest

from coder.context.definition_facts import extract
from coder.context.extracting import by_ast

PROBES = {
    "read a file": "open('/etc/passwd')",
    "write a file": "open('/tmp/probe', 'w')",
    "make a socket": "_socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)",
    "start a program": "posix.execv('/bin/true', ['true'])",
    "reach its parent": "os.kill(os.getppid(), 0)",
    "take all memory": "mmap.mmap(-1, 3 << 30)",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_the_process_that_parses_cannot(probe: str) -> None:
    walled, free = _probe(f"{_CONFINED}; {probe}"), _probe(probe)

    assert (walled, free) == (1, 0)


@pytest.mark.slow
async def test_a_source_that_ends_its_reader_is_left_out_and_the_others_are_read() -> None:
    sources = {f"k{i}": ("python", f"def f{i}(): ...\n") for i in range(5)}
    sources["bomb"] = ("python", "x = " + "9" * 4_000_000)  # more than a batch may hold

    definitions = await extract(sources, deadline_s=30)

    assert [definitions[f"k{i}"][0] for i in range(5)] == [f"f{i}:1" for i in range(5)]


def test_python_is_read_without_a_grammar_too() -> None:
    source = "A = 1\nb: int = 2\nclass C:\n    def d(self): ...\nasync def e(): ...\nx.y = 3\n"

    assert sorted(by_ast(source)) == [("A", 1), ("C", 3), ("b", 2), ("d", 4), ("e", 5)]
    assert by_ast("def (") == []


_CONFINED = "from coder.context.extracting import give_up_everything; give_up_everything()"


def _probe(code: str) -> int:
    """Exit code of a Python process that runs this code; 1 is an exception."""
    home = str(Path(__file__).parents[3])
    start = f"import sys, mmap, os, posix, _socket; sys.path.insert(0, {home!r}); {code}"
    finished = subprocess.run(
        [sys.executable, "-I", "-c", start], capture_output=True, timeout=60, check=False
    )
    return finished.returncode
