"""A task that fails once and is then fixed, against a model that answers at once: our own time.

    python -m perf.toy [--rounds N]

Each round runs, in turn, `coder solve` on the toy task, `import openai` and `python -c pass`. What is
printed are medians and ratios of the same run: absolute times are this machine's.
"""

import os
import sys
import tempfile
from pathlib import Path

from perf.wholes import Took, compare, flags, timed
from tests.faulty_endpoint import faulty_endpoint, says

WRONG = "```python\ndef add(a, b):\n    return a - b\n```"
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"


def main() -> None:
    """Measure and print."""
    compare("coder solve", _solve, rounds=flags(__doc__).parse_args().rounds, aim="2.0")


def _solve() -> Took:
    with faulty_endpoint(says(WRONG), says(RIGHT)) as endpoint, tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CODER_HOME": f"{folder}/home", "OPENAI_API_KEY": "unused", "NO_COLOR": "1"}
        (Path(folder) / "work").mkdir()
        argv = [
            str(Path(sys.executable).with_name("coder")), "solve", "Write add(a, b).", f"{folder}/work",
            "--check", "assert add(2, 3) == 5", "--base-url", endpoint.url, "-m", "toy", "--price", "0,0",
        ]  # fmt: skip
        took = timed(argv, env=environ)
        if len(endpoint.requests) != 2:
            raise SystemExit(f"expected 2 model calls, saw {len(endpoint.requests)}")
        if RIGHT.splitlines()[2] not in (Path(folder) / "work" / "solution.py").read_text():
            raise SystemExit("the solution did not land")
        return took


if __name__ == "__main__":
    main()
