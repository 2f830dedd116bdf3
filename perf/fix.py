"""A toy repository with a failing test, mended against a model that answers at once: our own time.

    python -m perf.fix [--rounds N]

Each round runs, in turn, `coder fix -- python check.py` in a fresh git repository, `import openai` and
`python -c pass`. What is printed are medians and ratios of the same run: absolute times are this machine's.
"""

import os
import sys
import tempfile
from pathlib import Path

from perf.wholes import Took, compare, timed
from tests.faulty_endpoint import faulty_endpoint, says
from tests.git_repository import make_repository

WRONG = "def add(a, b):\n    return a - b\n"
CHECK = "from calc import add\n\nassert add(2, 3) == 5\nprint('done')\n"
ANSWER = "`calc.py`\n```python\ndef add(a, b):\n    return a + b\n```\n"


def main() -> None:
    """Measure and print."""
    compare("coder fix", _fix, doc=__doc__, aim="1.8 s in all")


def _fix() -> Took:
    with faulty_endpoint(says(ANSWER)) as endpoint, tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CODER_HOME": f"{folder}/home", "OPENAI_API_KEY": "unused", "NO_COLOR": "1"}
        work = Path(folder) / "work"
        make_repository(work, calc__py=WRONG, check__py=CHECK)
        argv = [
            str(Path(sys.executable).with_name("coder")), "fix", "--path", str(work), "--base-url",
            endpoint.url, "-m", "toy", "--price", "0,0", "--", "python", "check.py",
        ]  # fmt: skip
        took = timed(argv, env=environ)
        if len(endpoint.requests) != 1:
            raise SystemExit(f"expected 1 model call, saw {len(endpoint.requests)}")
        if "a + b" not in (work / "calc.py").read_text():
            raise SystemExit("the fix did not land")
        return took


if __name__ == "__main__":
    main()
