"""What is drawn for people, and what a pipe gets."""

import re
import sys
from io import StringIO

import pytest

from coder.show.styling import build_bar, print_diff

PATCH = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-[red]a[/red] :smile:\n+" + 300 * "b" + "\n"


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: StringIO, monkeypatch: pytest.MonkeyPatch, no_color: str) -> str:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    print_diff(PATCH, out)
    return out.getvalue()


def test_colours_leave_the_text_of_a_patch_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(Screen(), monkeypatch, "")

    assert "\x1b[91m-[red]a[/red] :smile:\x1b[0m\n" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == PATCH


@pytest.mark.parametrize(("out", "no_color"), [(StringIO(), ""), (Screen(), "1")])
def test_a_pipe_and_no_color_get_the_patch_itself(
    out: StringIO, no_color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(out, monkeypatch, no_color) == PATCH


BUILD = [
    "looking for base:1",
    "Step 1/4 : FROM base",
    "---> 3ed8",
    "Step 3/4 : RUN [pip] install",
    "---> 11cd",
]


def built(out: StringIO, monkeypatch: pytest.MonkeyPatch, no_color: str) -> str:
    for name, value in {"TERM": "xterm", "NO_COLOR": no_color, "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", out)
    with build_bar("building image:1") as show:
        for line in BUILD:
            show(line)
    return out.getvalue()


def test_a_build_is_a_bar_of_its_steps_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", built(Screen(), monkeypatch, ""))

    assert re.search(r"━ +2/4 RUN \[pip\] install +-:--:-- left", text)
    assert "--->" not in text


@pytest.mark.parametrize(("out", "no_color"), [(StringIO(), ""), (Screen(), "1")])
def test_a_build_is_a_line_for_each_of_its_own_in_a_pipe_and_with_no_color(
    out: StringIO, no_color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert built(out, monkeypatch, no_color).splitlines() == BUILD
