"""What errors tell to type."""

import shlex
import sys
from pathlib import Path

import pytest

from coder.base.errors import MissingExtra


def test_the_command_that_installs_an_extra_can_be_pasted_where_folders_have_blanks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/home/my user/.venv/bin/python")

    _, command = str(MissingExtra("jinja2", "report")).split("Install it: ")

    python = "/home/my user/.venv/bin/python"
    assert shlex.split(command) == [
        python,
        "-m",
        "pip",
        "install",
        "-e",
        f"{Path(__file__).parents[3]}[report]",
    ]
