"""The search as it runs inside the sandbox: a model's regular expression over the files of the workspace.

Standard input holds {"pattern", "ignore_case", "paths", "most"}; each match goes out as one line of JSON, and
after the last one a line that says whether there are more. A line alone says what is bad about a pattern.
Python >= 3.8, standard library only.
"""

import sys

sys.path[:] = [folder for folder in sys.path if folder.startswith("/usr") or "python" in folder]

import json  # noqa: E402
import re  # noqa: E402
from typing import Any, Dict  # noqa: E402, UP035

LONGEST_LINE = 300
BEFORE = 100
"""Characters of a long line that are shown before a match."""


def main() -> None:
    """Search, and print each match as soon as it is found."""
    asked: Dict[str, Any] = json.loads(sys.stdin.buffer.read())  # noqa: UP006
    try:
        pattern = re.compile(asked["pattern"], re.IGNORECASE if asked["ignore_case"] else 0)
    except re.error as error:
        print(json.dumps({"bad": str(error)}), flush=True)
        return
    left = asked["most"]
    for path in asked["paths"]:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().split("\n")
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            match = pattern.search(line)
            if match:
                if not left:
                    print(json.dumps({"more": True}), flush=True)
                    return
                left -= 1
                print(
                    json.dumps({"path": path, "line": number, "text": shown(line, match.start())}), flush=True
                )
    print(json.dumps({"more": False}), flush=True)


def shown(line: str, at: int) -> str:
    """A line, or of a long one the part around a match."""
    if len(line) <= LONGEST_LINE:
        return line
    start = max(0, min(at - BEFORE, len(line) - LONGEST_LINE))
    return ("…" if start else "") + line[start : start + LONGEST_LINE] + "…"


if __name__ == "__main__":
    main()
