"""Lines of a file with their ends. Only \\n ends a line, as git and patch see it; \\r belongs to the end."""

from collections.abc import Iterable, Sequence

BOM = "\ufeff"


def split_lines(text: str) -> list[str]:
    """The lines of a text, each with its end; the last one may have none."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def bare(line: str) -> str:
    """A line without its end."""
    return line.removesuffix("\n").removesuffix("\r")


def usual_end(lines: Sequence[str]) -> str:
    """The end that most lines of a file have."""
    ended = sum(line.endswith("\n") for line in lines)
    with_return = sum(line.endswith("\r\n") for line in lines)
    return "\r\n" if with_return * 2 > ended else "\n"


def joined(lines: Iterable[str], end: str) -> str:
    """The text of these lines; one without an end gets one, unless it is the last."""
    text = list(lines)
    for i, line in enumerate(text[:-1]):
        if not line.endswith("\n"):
            text[i] = line + end
    return "".join(text)


def like(text: str, before: str) -> str:
    """A whole new text of a file, with the line ends and the byte order mark that it had before."""
    had = BOM if before.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    if usual_end(split_lines(before)) == "\r\n":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return had + text
