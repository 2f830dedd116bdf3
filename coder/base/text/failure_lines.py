"""The lines of a failure's output that say what is wrong."""

import re

_HEADING = re.compile(r"([^\w\s])\1{2,}.*([^\w\s])\2{2,}")
_ERROR = re.compile(r"[\w.]*(?:Error|Exception)\b")


def last_line(text: str) -> str:
    """Return the last line that holds a message; empty if there is none."""
    return next((line for line in reversed(text.splitlines()) if _is_message(line)), "")


def telling_line(message: str) -> str:
    """Return the line of a failure's message that says what is wrong; empty if there is none."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if lines and lines[0].startswith("Traceback "):
        return lines[-1]
    messages = [line for line in lines if _is_message(line)]
    is_headed = bool(lines) and lines[:1] != messages[:1]
    errors = [line for line in messages if is_headed and _ERROR.match(line)]
    return next(iter(errors or messages), "")


def _is_message(line: str) -> bool:
    """Whether a line is more than a rule, or a heading between two rules, as runners draw them."""
    return any(map(str.isalnum, line)) and _HEADING.fullmatch(line.strip()) is None
