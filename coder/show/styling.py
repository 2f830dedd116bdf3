"""Draw for people by rich: colours, panels, tables and a live line. Loads rich only where a terminal is.

A pipe gets plain text, and so does a terminal with NO_COLOR or TERM=dumb. Texts are printed as they are:
without markup, emoji and highlighting.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.progress import Progress
    from rich.text import Text

_SIGNS = {"✓": "green", "✗": "red", "!": "yellow", "?": "yellow"}
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
"""What Docker prints before each step of a build."""
_MOST_COLOURED = 50_000
"""Characters of a text that gets colours."""


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody looks at a stream through a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_styled(stream: TextIO) -> bool:
    """Whether a stream gets colours and borders."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def open_console(stream: TextIO) -> "Console":
    """A console of rich that prints texts as they are; without colours where they aren't wanted."""
    from rich.console import Console

    return Console(
        file=stream,
        color_system="auto" if is_styled(stream) else None,
        force_terminal=is_terminal(stream),
        force_jupyter=False,
        markup=False,
        highlight=False,
        emoji=False,
    )


def signed_line(line: str) -> "Text":
    """A line of the screen; the sign that it begins with is coloured."""
    from rich.text import Text

    text, start = Text(line), len(line) - len(line.lstrip())
    if (style := _SIGNS.get(line[start : start + 1])) is not None:
        text.stylize(style, start, start + 1)
    return text


def highlighted(text: str, format: str) -> "Text":
    """A text with colours; its characters are unchanged.

    Args:
        format: a name that pygments has, such as `diff`, or the name of the file that holds the text.
    """
    from rich.syntax import Syntax
    from rich.text import Text

    if len(text) > _MOST_COLOURED:
        return Text(text)
    lexer = Syntax.guess_lexer(format) if "." in format else format
    coloured = Syntax("", lexer, theme="ansi_dark", tab_size=0).highlight(text)
    if not text.endswith("\n"):
        coloured.right_crop(1)  # it adds a line end
    coloured.tab_size = None
    return coloured if coloured.plain == text else Text(text)


def print_diff(patch: str, stream: TextIO) -> None:
    """Print a patch with its own line ends, in colours where they are wanted."""
    if is_styled(stream):
        open_console(stream).print(highlighted(patch, "diff"), soft_wrap=True, end="")
    else:
        print(patch, end="", file=stream, flush=True)


def print_markdown(text: str, stream: TextIO) -> None:
    """Print a text in Markdown, as it is where no colours are wanted."""
    if is_styled(stream):
        from coder.show.markdown_stream import markdown_of  # only in a conversation

        open_console(stream).print(markdown_of(text))
    else:
        print(text, file=stream, flush=True)


def print_error(lines: list[str]) -> None:
    """Print an error on stderr; in colours as a panel without sides, so that commands can be copied."""
    if not is_styled(sys.stderr):
        first, *rest = lines
        print("\n".join([f"error: {first}", *(f"  {line}" for line in rest)]), file=sys.stderr, flush=True)
        return
    from rich import box
    from rich.panel import Panel
    from rich.text import Text

    text = Text("\n".join(lines))
    text.stylize("bold", 0, len(lines[0]))
    panel = Panel(text, title="error", title_align="left", border_style="red", box=box.HORIZONTALS)
    open_console(sys.stderr).print(panel)


def status_line(doing: str, started: float) -> str:
    """The live line as a text: what is going on, and since when; empty where nothing is.

    Args:
        started: on the monotonic clock.
    """
    if not doing:
        return ""
    from rich.spinner import Spinner

    spent, frames = time.monotonic() - started, Spinner("dots").frames
    return f"{frames[int(spent * 10) % len(frames)]} {timedelta(seconds=int(spent))} {doing}"


def live_line(console: "Console") -> "Live":
    """A line at the bottom that is drawn when it is told to, by no thread, and gone once it stops."""
    from rich.live import Live

    return Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    )


def progress_bar(
    stream: TextIO,
    doing: str,
    *,
    total: int | None,
    done: int = 0,
    unit: Literal["steps", "bytes"] = "steps",
    ticks: bool = False,
) -> "Progress":
    """A bar of one task: how many steps are done, what `doing` says of them, and how long the rest takes.

    It is gone once it stops. What is printed on stderr stands above it.

    Args:
        doing: what is going on.
        total: number of steps; None: it isn't known yet.
        done: number of steps done before.
        unit: what is counted.
        ticks: draw it by a thread, for work that blocks this one; else it is drawn when it is told to.
    """
    from rich import progress
    from rich.table import Column
    from rich.text import Text

    class Left(progress.TimeRemainingColumn):
        def render(self, task: progress.Task) -> Text:
            return super().render(task).append(" left" if task.total is not None else "")

    counts = (
        [progress.DownloadColumn(), progress.TransferSpeedColumn()]
        if unit == "bytes"
        else [progress.MofNCompleteColumn()]
    )
    cut = Column(no_wrap=True, overflow="ellipsis")
    bar = progress.Progress(
        progress.BarColumn(bar_width=24),
        *counts,
        progress.TextColumn("{task.description}", markup=False, table_column=cut),
        Left(),
        console=open_console(stream),
        auto_refresh=ticks,
        transient=True,
        redirect_stdout=False,
    )
    bar.add_task(doing, total=total, completed=done)
    return bar


@contextmanager
def download_bar(doing: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar while a download lasts, which takes the bytes so far and of all; None: no bar is drawn."""
    if not is_styled(sys.stderr):
        yield None
        return
    with progress_bar(sys.stderr, doing, total=None, unit="bytes") as bar:
        yield lambda done, total: bar.update(bar.task_ids[0], completed=done, total=total, refresh=True)


@contextmanager
def build_bar(doing: str) -> Iterator[Callable[[str], None]]:
    """Show the lines of a build: its step beside a bar of all; where no bar is drawn, each line."""
    if not is_styled(sys.stderr):
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    with progress_bar(sys.stderr, doing, total=None, ticks=True) as bar:

        def show(line: str) -> None:
            (task,) = bar.tasks
            if (step := _STEP.match(line)) is not None:
                bar.update(task.id, completed=int(step[1]) - 1, total=int(step[2]), description=step[3])
            elif task.total is None:  # before the first step
                bar.update(task.id, description=line)

        yield show
