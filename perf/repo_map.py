"""How long a repository's map takes, cold and warm: python -m perf.repo_map [FILES] [KILOBYTES]

A synthetic tree of Python, JavaScript and Go, whose files refer to each other, is surveyed as a run does it:
first with an empty cache, then with what the first left, then with one file changed.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from coder.context.survey import take_survey
from coder.run.target import Target

AIM_COLD_S, AIM_WARM_S = 4.0, 0.3
_LINE = "    value = {used}(first) + {other}(second)\n"
_BODY = "first, second){open}\n" + 9 * _LINE + "    return value\n{close}\n"
"""Of some 500 characters: Python's own library has a definition for every 540."""
_FUNCTION = {
    ".py": ("def {name}(", ":", ""),
    ".js": ("function {name}(", " {", "}\n"),
    ".go": ("func {name}(", " {", "}\n"),
}
"""How a function begins, and what stands around its body, by the ending of the file."""


def tree(files: int, size: int) -> dict[str, str]:
    """Text of so many files of about so many characters, by path; the same on every machine."""
    draw = random.Random(0)
    texts: dict[str, str] = {}
    for i in range(files):
        size_now = 0
        ending = (".py", ".js", ".go")[i % 3]
        parts = ["package p\n" if ending == ".go" else ""]
        while size_now < size:
            head, opening, closing = _FUNCTION[ending]
            used, other = (f"compute_{draw.randrange(files)}_{draw.randrange(1, 10)}" for _ in range(2))
            body = _BODY.format(open=opening, close=closing, used=used, other=other)
            size_now += len(head) + len(body)
            parts.append(head.format(name=f"compute_{i}_{len(parts)}") + body)
        texts[f"package{i % 100}/part{i}{ending}"] = "".join(parts)
    return texts


def seconds(texts: dict[str, str], cache: Path) -> float:
    """Wall time of one survey."""
    target = Target(path="package0/part0.py", names=(), tests=())
    begin = perf_counter()
    asyncio.run(take_survey(texts, prompt="Speed up compute_0_1.", target=target, budget=10_000, cache=cache))
    return perf_counter() - begin


def main() -> None:
    """Print the three times and the aims."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    kilobytes = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    texts = tree(files, kilobytes << 10)
    with tempfile.TemporaryDirectory() as folder:
        cold = seconds(texts, Path(folder))
        warm = min(seconds(texts, Path(folder)) for _ in range(3))
        changed = texts | {"package0/part0.py": texts["package0/part0.py"] + "\nLIMIT = 1\n"}
        one_changed = seconds(changed, Path(folder))
    print(f"{files:,} files, {sum(map(len, texts.values())) / 1e6:.1f} MB")
    print(f"cold {cold:.2f} s (aim {AIM_COLD_S} s), warm {warm:.2f} s (aim {AIM_WARM_S} s)")
    print(f"one file changed {one_changed:.2f} s")


if __name__ == "__main__":
    main()
