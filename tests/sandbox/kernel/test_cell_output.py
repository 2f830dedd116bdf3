"""What is kept of a cell's outputs: bounded in bytes and number, under plain names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.files.written_files import MAX_BYTES
from sandbox.host.execution import FLOOD
from sandbox.kernel.cell_output import Shown
from sandbox.kernel.kernel_messages import Rich, Sign, Text


def shown(*, output_bytes: int = 1000) -> Shown:
    return Shown(3, output_bytes, None)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("image/png", "cell-3-1.png"),
        ("image/svg+xml", "cell-3-1.svg"),
        ("text/html", "cell-3-1.html"),
        ("application/vnd.plotly.v1+json", "cell-3-1.vnd-plotly-v1.json"),
        ("text/x-Custom", "cell-3-1.x-custom.txt"),
        ("application/...", "cell-3-1.output"),
    ],
)
def test_a_file_is_named_by_cell_number_and_type(kind: str, path: str) -> None:
    cell = shown()

    cell.take(Rich(1, kind, b"content"))

    assert [artifact.path for artifact in cell.artifacts] == [path]


@given(st.from_regex(r"[a-z]+/[A-Za-z0-9.+_-]+", fullmatch=True), st.integers(0, 2**32 - 1))
def test_no_type_makes_a_name_that_leads_elsewhere(kind: str, number: int) -> None:
    cell = shown()

    cell.take(Rich(number, kind, b""))

    (artifact,) = cell.artifacts
    assert "/" not in artifact.path
    assert not artifact.path.startswith(".")
    assert ".." not in artifact.path


def test_all_files_of_a_cell_together_are_bounded() -> None:
    cell = shown()
    half = bytes(MAX_BYTES // 2 - 1)

    for number in range(4):
        cell.take(Rich(number, "image/png", half))

    assert (len(cell.artifacts), cell.left_out) == (2, 2)


def test_an_update_takes_the_room_of_what_it_replaces() -> None:
    cell = shown()

    for content in (bytes(MAX_BYTES), b"small", bytes(MAX_BYTES)):
        cell.take(Rich(1, "image/png", content))

    assert [artifact.size for artifact in cell.artifacts] == [MAX_BYTES]
    assert cell.left_out == 0


def test_clearing_makes_room_and_never_undoes_a_flood() -> None:
    cell = shown()

    for _ in range(FLOOD * 1000 // 64 + MAX_BYTES // 64 + 1):
        cell.hear(0)
    cell.take(Sign("clear"))

    assert cell.is_flood


def test_text_is_kept_at_both_ends() -> None:
    cell = shown(output_bytes=500)

    for piece in (b"first", b"x" * 1000, b"last"):
        cell.take(Text("stdout", piece))

    assert cell.streams()["stdout"].startswith("first")
    assert cell.streams()["stdout"].endswith("last")
    assert cell.streams()["truncated"]
