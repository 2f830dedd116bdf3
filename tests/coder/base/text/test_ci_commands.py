"""No line of a program's is a command to the CI system that reads its log."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.ci_commands import CommandBreaker, break_commands, is_log

PIECES = st.lists(
    st.text(alphabet=":# \n\rvsotamciy[]ex", max_size=12).map(str.encode) | st.binary(max_size=8), max_size=12
)


@pytest.mark.parametrize(
    "line",
    ["::error::x", "  ::add-mask::x", "a\r::set-env::x", "##[group]", "b ##vso[task.x]", "##teamcity[x]"],
)
def test_a_command_is_broken_and_nothing_else_of_its_line_changes(line: str) -> None:
    text = break_commands(f"first\n{line}\nlast")

    assert text != f"first\n{line}\nlast"
    assert text.replace("\u200b", "") == f"first\n{line}\nlast"


@pytest.mark.parametrize("line", ["std::vector", "# ## heading", "a::b", "x = y[::2]"])
def test_what_is_no_command_stays_as_it_is(line: str) -> None:
    assert break_commands(f"first\n{line}") == f"first\n{line}"


@pytest.mark.slow
@given(PIECES)
def test_pieces_of_a_stream_are_broken_as_the_whole_is(pieces: list[bytes]) -> None:
    breaker, whole = CommandBreaker(), CommandBreaker()

    output = b"".join(breaker.strip(piece) for piece in pieces) + breaker.strip(b"", last=True)

    assert output == whole.strip(b"".join(pieces), last=True)
    assert output.replace("\u200b".encode(), b"") == b"".join(pieces).replace("\u200b".encode(), b"")


def test_only_a_pipe_of_a_ci_system_is_its_log() -> None:
    reading, writing = os.pipe()
    with open(os.devnull, "wb") as null:
        try:
            assert is_log(writing, {"GITHUB_ACTIONS": "true"})
            assert not is_log(writing, {})
            assert not is_log(null.fileno(), {"GITHUB_ACTIONS": "true"})
        finally:
            os.close(reading)
            os.close(writing)
