"""What a run imports while its sandbox opens."""

import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import asyncio, sys, threading
from pathlib import Path
from coder import Settings, Task, solve
from coder.models.scripted import Scripted
from tests.memory_log import MemoryLog

threads = {}

class Finder:
    def find_spec(name, path=None, target=None):
        threads[name] = threading.current_thread() is threading.main_thread()

sys.meta_path.insert(0, Finder)
task = Task(prompt="Mend f.", workspace=Path(sys.argv[1]), test_command=("python", "check.py"))
asyncio.run(solve(task, model=Scripted(["No."]), settings=Settings(strategy="one-shot"), log=MemoryLog()))
print(threads["coder.verify.baseline"], threads["coder.verify.test_command"])
"""


@pytest.mark.slow
def test_the_first_run_of_the_tests_is_imported_in_a_thread_while_the_sandbox_opens(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text("raise SystemExit(1)\n")

    done = subprocess.run([sys.executable, "-c", _RUN, tmp_path], capture_output=True, text=True, timeout=120)

    assert done.stdout.split() == ["False", "False"], done.stderr
