"""Draw the terminals of the pages in docs/how-to as SVG, by real runs of `coder`.

    .venv/bin/pip install pyte && .venv/bin/python -m tools.draw_terminals [--check] [NAME...]

With `--check`, nothing is written, and a picture with other words than its page has fails.
A run has a terminal of its own, whose screen pyte follows and rich draws. Programs, sandboxes, tests, patches
and verdicts are real. In `chat` and `diff` a script answers for a model; in `bench` the embedded model does.
"""

import argparse
import difflib
import os
import pty
import re
import signal
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from itertools import groupby
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tests.coder.people.cli.console import CODER
from tests.coder.people.cli.console import Console as Place
from tests.faulty_endpoint import Reply, calls, faulty_endpoint, says
from tools.picture_words import words_of

TITLES = {"chat": "coder chat", "diff": "coder solve", "bench": "coder bench run"}
PICTURES = Path(__file__).parents[1] / "docs" / "how-to"
COLUMNS, LINES = 96, 60
LONGEST_S = 300.0
PAUSE_S = 1.0
"""Before somebody types."""
SHOP_FOLDER = "shop"
SHOP = "def total(prices, tax):\n    return sum(prices)\n"
TEST = """import unittest

from shop import total


class TotalTest(unittest.TestCase):
    def test_tax_is_added(self):
        self.assertEqual(total([10, 20], tax=0.5), 45)
"""
EXPLANATION = """`total` takes the **tax** and doesn't use it:

| | gives |
| --- | --- |
| `total([10, 20], tax=0.5)` | 30 |
| the test wants | 45 |

The sum has to be multiplied by one plus the tax:

```python
return sum(prices) * (1 + tax)
```
"""
EDIT = {"path": "shop.py", "old": "return sum(prices)", "new": "return sum(prices) * (1 + tax)"}
CHANGE = (calls("edit", **EDIT), calls("done", summary="The sum is multiplied by one plus the tax."))
DECIDED = ("--test", "python3 -m unittest")


def chat() -> bytes:
    """A question, a change that is approved, and what it cost."""
    typed = [
        ("/help lists", "why does the test fail?\r"),
        ("1 call", "then mend it\r"),
        ("[y]es, [N]o", "y\r"),
        ("so far:", "/cost\r"),
        ("calls and $", "\x04"),
    ]
    with shop(says(*re.split(r"(?<= )", EXPLANATION)), *CHANGE) as (place, model):
        return screen_of(place, "chat", ".", *model, *DECIDED, typed=typed)


def diff() -> bytes:
    """A patch, and the question whether it is written."""
    with shop(*CHANGE) as (place, model):
        words = ("solve", "Orders ignore the tax. Add it to the total.", ".")
        return screen_of(place, *words, *model, *DECIDED, typed=[("[y]es, [N]o", "y\r")])


def bench() -> bytes:
    """A benchmark that is under way."""
    drawn = ("--one-shot", "--temperature", "1", "--seed", "3")
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        (place.home / SHOP_FOLDER).mkdir()
        return screen_of(place, "bench", "run", "starter", "--slice", "0:8", *drawn, until="5/8")


@contextmanager
def shop(*script: Reply) -> Iterator[tuple[Place, Sequence[str]]]:
    """A folder with a failing test, and the flags of a model that answers as the script says."""
    with TemporaryDirectory() as home, faulty_endpoint(*script, models=("model",)) as endpoint:
        folder = Path(home) / SHOP_FOLDER
        folder.mkdir()
        (folder / "shop.py").write_text(SHOP)
        (folder / "test_shop.py").write_text(TEST)
        model = ("--base-url", endpoint.url, "-m", "model", "--price", "1,4")
        yield Place(Path(home)), (*model, "--strategy", "act")


def screen_of(
    place: Place, *arguments: str, typed: Sequence[tuple[str, str]] = (), until: str | None = None
) -> bytes:
    """What a command writes on a terminal, to its end or until a text is shown.

    Args:
        typed: what is typed once the screen has shown a text, behind what was typed before.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (LINES, COLUMNS))
        os.chdir(place.home / SHOP_FOLDER)
        os.execve(CODER, ["coder", *arguments], place.environ | _TERMINAL)
    shown, left, seen, deadline = b"", list(typed), 0, monotonic() + LONGEST_S
    try:
        while monotonic() < deadline and not (until and until.encode() in shown):
            if not select([terminal], [], [], 1.0)[0]:
                continue
            try:
                shown += os.read(terminal, 65_536)
            except OSError:  # the other end has been closed
                break
            while left and (at := shown.find(left[0][0].encode(), seen)) >= 0:
                seen = at + len(left[0][0])
                sleep(PAUSE_S)
                os.write(terminal, left.pop(0)[1].encode())
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        os.waitpid(pid, 0)
        os.close(terminal)
    shown = re.sub(rb"127\.0\.0\.1:\d+/", b"127.0.0.1:8080/", shown)
    if left or (until and until.encode() not in shown):
        raise SystemExit(f"The screen never showed {left[0][0] if left else until!r}:\n{shown.decode()}")
    return shown.replace(str(place.home).encode(), b"~")


_TERMINAL = {"TERM": "xterm-256color", "NO_COLOR": "", "PROMPT_TOOLKIT_NO_CPR": "1", "COLORTERM": ""}


_NO_FONTS = re.sub(r"(?s) *@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT)
"""The format of rich without the fonts that it would load from another server."""


def svg(written: bytes, title: str) -> str:
    """The screen after all that was written, as SVG."""
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.ByteStream(screen).feed(written)
    console = Console(width=COLUMNS, record=True, file=StringIO(), force_terminal=True)
    lines = [_line(screen.buffer[y]) for y in range(LINES)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    console.print(Text("\n").join(lines), soft_wrap=True)
    return console.export_svg(title=title, code_format=_NO_FONTS)


def _line(cells: Mapping[int, "pyte.screens.Char"]) -> Text:
    line = Text()
    for style, alike in groupby(map(cells.__getitem__, range(COLUMNS)), key=_style):
        line.append("".join(cell.data for cell in alike), style)
    line.rstrip()
    return line


def _style(cell: "pyte.screens.Char") -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _colour(name: str) -> str | None:
    """The name that rich has for a colour of pyte's."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    plain = name.removeprefix("bright").replace("brown", "yellow")
    return None if name == "default" else f"bright_{plain}" if name.startswith("bright") else plain


def main() -> None:
    """Draw the pictures of these names, or all."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where words differ")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(TITLES)}")
    chosen = parser.parse_args()
    different: list[str] = []
    for picture in (chat, diff, bench):
        if chosen.names and picture.__name__ not in chosen.names:
            continue
        path, drawn = PICTURES / f"terminal-{picture.__name__}.svg", svg(picture(), TITLES[picture.__name__])
        if chosen.check:
            old, new = words_of(path.read_text(encoding="utf-8")), words_of(drawn)
            different += difflib.unified_diff(old, new, path.name, "drawn now", lineterm="", n=1)
            continue
        path.write_text(drawn, encoding="utf-8")
        print(f"{path.name}  {path.stat().st_size:,} bytes")
    sys.exit("\n".join(different) or None)


if __name__ == "__main__":
    main()
