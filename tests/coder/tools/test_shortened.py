"""Long outputs: whole lines at both ends, the others named by their numbers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.tools.shortened import DEFAULT_CHARACTERS, shortened, whole_size

LOG = "/tmp/out/7"


def test_of_a_long_output_whole_lines_are_shown_and_the_log_named() -> None:
    text = shortened("".join(f"line {i}\n" for i in range(1, 5_001)), log=LOG)

    assert "line 900\n[lines 901–4201 left out; sed -n 901,4201p /tmp/out/7]\nline 4202\n" in text


def test_an_output_a_fifth_too_long_passes_whole() -> None:
    output = "line\n" * (whole_size() // 5)

    assert len(output) > DEFAULT_CHARACTERS
    assert shortened(output, log=LOG) == output


def test_a_huge_line_is_cut_within() -> None:
    text = shortened(f"first\n{'x' * 100_000}\nlast", log=LOG)

    cut = "[97,000 characters left out; sed -n 2p /tmp/out/7 | cut -c 2001-99000]"
    assert text == f"first\n{'x' * 2_000}{cut}{'x' * 1_000}\nlast"


def test_where_the_middle_was_dropped_before_no_numbers_of_lines_are_claimed() -> None:
    text = shortened("line\n" * 5_000, log=LOG, is_all=False)

    assert "[lines from 1601 on left out, up to the last ones; /tmp/out/7 holds the beginning]" in text


def test_without_a_log_only_the_gap_is_told() -> None:
    assert "\n[lines 1601–3401 left out]\n" in shortened("line\n" * 5_000)


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("ab[é "), st.integers(0, 30_000)), max_size=12))
def test_any_output_fits_and_what_is_shown_is_its_own(parts: list[tuple[str, int]]) -> None:
    lines = "\n".join(sign * length for sign, length in parts).split("\n") * 3

    text = shortened("\n".join(lines), log=LOG)

    assert len(text) <= whole_size()
    if match := re.search(r"^\[lines (\d+)–(\d+) left out; .*\]$", text, re.MULTILINE):
        first, last = int(match[1]), int(match[2])
        head, tail = text[: match.start()].split("\n")[:-1], text[match.end() :].split("\n")[1:]
        assert (len(head), len(tail)) == (first - 1, len(lines) - last)
