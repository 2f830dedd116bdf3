"""The lines of a failure's output that say what is wrong."""

import re

_HEADING = re.compile(r"([^\w\s])\1{2,}.*([^\w\s])\2{2,}")
_ERROR = re.compile(r"[\w.]*(?:Error|Exception)\b")
_FAILURE = re.compile(
    r"(?:error|exception)s?\b|\b(?:fail\w*|fatal|missing|cannot|not)\b",
    re.IGNORECASE,
)
_LAUNCHER = re.compile(
    r"\s*(?:make(?:\[\d+\])?: |npm (?:error|ERR!)|ELIFECYCLE|error: Recipe |(?:error )?Command failed )"
)
"""What make, npm, pnpm, just and yarn add where the program that they start has failed."""


def last_line(text: str) -> str:
    """Return the last line that holds a message; empty if there is none."""
    return next((line for line in reversed(text.splitlines()) if _is_message(line)), "")


def reason_line(stderr: str, stdout: str) -> str:
    """Return the line that says why a command failed; empty if nothing is printed.

    It is the last line of stderr, else the last of stdout that tells of a failure, else the last one. What a
    launcher adds counts only if nothing else is printed, and a single word, as `FAIL`, if no more is said.
    """
    texts = [[line.strip() for line in text.splitlines() if _is_message(line)] for text in (stderr, stdout)]
    errors, printed = ([line for line in lines if not _LAUNCHER.match(line)] for lines in texts)
    failures = [line for line in printed if _FAILURE.search(line)]
    told = [line for line in failures if len(line.split()) > 1]
    lines = next(filter(None, (errors, told, failures, printed, *texts)), [""])
    return lines[-1]


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
