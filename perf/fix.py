"""A toy repository with a failing test, mended against a model that answers at once: our own time.

    python -m perf.fix [--rounds N]

Each round runs, in turn, `coder fix -- python check.py` in a fresh git repository, `import openai` and
`python -c pass`. What is printed are medians and ratios of the same run: absolute times are this machine's.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faulty_endpoint import faulty_endpoint, says
from tests.git_repository import make_repository

WRONG = "def add(a, b):\n    return a - b\n"
CHECK = "from calc import add\n\nassert add(2, 3) == 5\nprint('done')\n"
ANSWER = "`calc.py`\n```python\ndef add(a, b):\n    return a + b\n```\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {"coder fix": [], "import openai": [], "python -c pass": []}
    for _ in range(rounds):
        times["coder fix"].append(_fix())
        times["import openai"].append(_timed([sys.executable, "-c", "import openai"]))
        times["python -c pass"].append(_timed([sys.executable, "-c", "pass"]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:16} {value:6.3f} s median of {rounds}, {min(times[name]):.3f} min")
    print(f"ratio to import openai: {medians['coder fix'] / medians['import openai']:.2f} (aim 1.8 s in all)")


def _fix() -> float:
    with faulty_endpoint(says(ANSWER)) as endpoint, tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CODER_HOME": f"{folder}/home", "OPENAI_API_KEY": "unused", "NO_COLOR": "1"}
        work = Path(folder) / "work"
        make_repository(work, calc__py=WRONG, check__py=CHECK)
        argv = [
            str(Path(sys.executable).with_name("coder")), "fix", "--path", str(work), "--base-url",
            endpoint.url, "-m", "toy", "--price", "0,0", "--", "python", "check.py",
        ]  # fmt: skip
        seconds = _timed(argv, env=environ)
        if len(endpoint.requests) != 1:
            raise SystemExit(f"expected 1 model call, saw {len(endpoint.requests)}")
        if "a + b" not in (work / "calc.py").read_text():
            raise SystemExit("the fix did not land")
        return seconds


def _timed(argv: list[str], env: dict[str, str] | None = None) -> float:
    began = time.perf_counter()
    done = subprocess.run(argv, env=env, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}:\n{done.stderr.decode()}")
    return seconds


if __name__ == "__main__":
    main()
