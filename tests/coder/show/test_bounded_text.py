"""What `-v` shows of a long text: its beginning, its end, and where the whole is."""

from coder.show.bounded_text import BoundedText


def test_a_short_text_is_shown_whole_as_it_comes() -> None:
    text = BoundedText()

    assert (text.feed("one "), text.feed("two"), text.end("see")) == ("one ", "two", "")


def test_a_long_text_is_shown_by_its_beginning_and_its_end_with_what_is_left_out() -> None:
    text = BoundedText()
    lines = [f"line {n}\n" for n in range(100_000)]

    output = "".join(map(text.feed, lines)) + text.end("whole: coder show run_1")

    assert len(output) < 8_200
    assert output.startswith("line 0\n")
    assert output.endswith("line 99999\n")
    assert "characters are left out here; whole: coder show run_1]" in output
    assert text.feed("next") == "next"
