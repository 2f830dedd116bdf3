"""Draw for people with rich: colours, panels, tables and a status line. Imports rich only for a terminal.

A pipe gets plain text, and so does a terminal with NO_COLOR or TERM=dumb. Texts are printed verbatim, without
markup, emoji and highlighting.
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
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.progress import Progress
    from rich.text import Text

_SIGNS = {"✓": "green", "✗": "red", "!": "yellow", "?": "yellow"}
_BUILD_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
"""Line that Docker prints before each step of a build."""
_MAX_HIGHLIGHTED = 50_000
"""Longest text that gets colours, in characters."""


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_styled(stream: TextIO) -> bool:
    """Return whether a stream gets colours and borders."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def open_console(stream: TextIO) -> "Console":
    """Return a console of rich that prints texts verbatim, with colours only if they are wanted."""
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
    """Return a line of the screen whose leading sign is coloured."""
    from rich.text import Text

    text, start = Text(line), len(line) - len(line.lstrip())
    if (style := _SIGNS.get(line[start : start + 1])) is not None:
        text.stylize(style, start, start + 1)
    return text


def highlighted(text: str, format: str) -> "Text":
    """Return a text with colours; its characters are unchanged.

    Args:
        format: a name known to pygments, such as `diff`, or the name of the file that holds the text.
    """
    from rich.syntax import Syntax
    from rich.text import Text

    if len(text) > _MAX_HIGHLIGHTED:
        return Text(text)
    lexer = Syntax.guess_lexer(format) if "." in format else format
    highlighted_text = Syntax("", lexer, theme="ansi_dark", tab_size=0).highlight(text)
    if not text.endswith("\n"):
        highlighted_text.right_crop(1)  # rich adds a line end
    highlighted_text.tab_size = None
    return highlighted_text if highlighted_text.plain == text else Text(text)


def print_diff(patch: str, stream: TextIO) -> None:
    """Print a patch verbatim, with colours if they are wanted."""
    if is_styled(stream):
        open_console(stream).print(highlighted(patch, "diff"), soft_wrap=True, end="")
    else:
        print(patch, end="", file=stream, flush=True)


def print_markdown(text: str, stream: TextIO) -> None:
    """Print a Markdown text, or its source if no colours are wanted."""
    if is_styled(stream):
        from coder.show.markdown_stream import markdown_of  # only in a conversation

        open_console(stream).print(markdown_of(text))
    else:
        print(text, file=stream, flush=True)


def print_error(lines: list[str]) -> None:
    """Print an error on stderr; with colours as a panel without sides, so that commands can be copied."""
    if not is_styled(sys.stderr):
        summary, *details_lines = lines
        print(
            "\n".join([f"error: {summary}", *(f"  {line}" for line in details_lines)]),
            file=sys.stderr,
            flush=True,
        )
        return
    from rich import box
    from rich.panel import Panel
    from rich.text import Text

    text = Text("\n".join(lines))
    text.stylize("bold", 0, len(lines[0]))
    panel = Panel(text, title="error", title_align="left", border_style="red", box=box.HORIZONTALS)
    open_console(sys.stderr).print(panel)


def status_line(doing: str, started: float) -> str:
    """Return the text of the status line: the activity and its duration; empty without an activity.

    Args:
        started: start time on the monotonic clock.
    """
    if not doing:
        return ""
    from rich.spinner import Spinner

    elapsed_s, frames = time.monotonic() - started, Spinner("dots").frames
    return f"{frames[int(elapsed_s * 10) % len(frames)]} {timedelta(seconds=int(elapsed_s))} {doing}"


def live_line(console: "Console") -> "Live":
    """Return a line at the bottom that is drawn on request, without a thread, and erased when it stops."""
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
    below: "Callable[[], RenderableType] | None" = None,
) -> "Progress":
    """Return a progress bar for one task, with the number of steps done, a description, and the time left.

    The bar is erased when it stops. Output on stderr is printed above it.

    Args:
        doing: description of the task.
        total: number of steps; None: not known yet.
        done: number of steps done before.
        unit: what is counted.
        ticks: draw in another thread, for work that blocks this one; else the bar is drawn on request.
        below: called at each drawing; returns what is drawn below the bar.
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
    description_column = Column(no_wrap=True, overflow="ellipsis")

    class Bar(progress.Progress):
        def get_renderables(self) -> Iterator["RenderableType"]:
            yield from super().get_renderables()
            if below is not None:
                yield below()

    bar = Bar(
        progress.BarColumn(bar_width=24),
        *counts,
        progress.TextColumn("{task.description}", markup=False, table_column=description_column),
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
    """Show a bar during a download; yield the function that gets bytes so far and in total, or None."""
    if not is_styled(sys.stderr):
        yield None
        return
    with progress_bar(sys.stderr, doing, total=None, unit="bytes") as bar:
        yield lambda done, total: bar.update(bar.task_ids[0], completed=done, total=total, refresh=True)


@contextmanager
def build_bar(doing: str) -> Iterator[Callable[[str], None]]:
    """Show the lines of a build: the step beside a bar, or each line if no bar is drawn."""
    if not is_styled(sys.stderr):
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    with progress_bar(sys.stderr, doing, total=None, ticks=True) as bar:

        def show(line: str) -> None:
            (task,) = bar.tasks
            if (step := _BUILD_STEP.match(line)) is not None:
                bar.update(task.id, completed=int(step[1]) - 1, total=int(step[2]), description=step[3])
            elif task.total is None:  # before the first step
                bar.update(task.id, description=line)

        yield show
