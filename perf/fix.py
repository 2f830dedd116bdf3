"""A toy repository with a failing test, mended against a model that answers at once: our own time.

    python -m perf.fix [--rounds N] [--files N]

Each round runs, in turn, `coder fix -- python check.py` in a fresh git repository, `import openai` and
`python -c pass`. What is printed are medians and ratios of the same run: absolute times are this machine's.
`--files 50000` puts as many small modules beside the two files.
"""

import os
import sys
import tempfile
from pathlib import Path

from perf.wholes import Took, compare, flags, timed
from tests.faulty_endpoint import faulty_endpoint, says
from tests.git_repository import make_repository

WRONG = "def add(a, b):\n    return a - b\n"
CHECK = "from calc import add\n\nassert add(2, 3) == 5\nprint('done')\n"
ANSWER = "`calc.py`\n```python\ndef add(a, b):\n    return a + b\n```\n"


def main() -> None:
    """Measure and print."""
    parser = flags(__doc__)
    parser.add_argument("--files", type=int, default=0)
    arguments = parser.parse_args()
    compare(
        "coder fix", lambda: _fix(arguments.files), rounds=arguments.rounds, aim="1.8 s in all, of two files"
    )


def _fix(files: int) -> Took:
    with faulty_endpoint(says(ANSWER)) as endpoint, tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "CODER_HOME": f"{folder}/home", "OPENAI_API_KEY": "unused", "NO_COLOR": "1"}
        work = Path(folder) / "work"
        repository = make_repository(work, calc__py=WRONG, check__py=CHECK)
        if files:
            _fill(work, files)
            repository.commit()
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


def _fill(top: Path, files: int) -> None:
    for i in range(files):
        folder = top / f"package{i // 5000}/module{i // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"part{i}.py").write_text(f"def value_{i}(n):\n    return n + {i}\n")


if __name__ == "__main__":
    main()
