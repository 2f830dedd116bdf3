"""Text of models and programs, made fit for a line of a terminal."""

from coder.text.sanitize import printable

WIDTH = 100


def one_line(text: str, *, width: int = WIDTH) -> str:
    """`text` on one line without control sequences, shortened to `width` characters."""
    plain = " ".join(printable(text).split())
    return plain if len(plain) <= width else plain[: width - 1] + "…"
