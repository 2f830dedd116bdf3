"""Collect refused network requests of a program, to be shown after its end."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("sandbox.network")
_MAX_LINES = 5


@contextmanager
def network_refusals() -> Iterator[list[str]]:
    """Return a context manager that collects refusals, each once, up to a limit."""
    lines: list[str] = []

    class RefusalHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            prefix, separator, reason = record.getMessage().partition("refused: ")
            line = f"network: {reason}"
            if separator and not prefix and line not in lines and len(lines) <= _MAX_LINES:
                lines.append(line if len(lines) < _MAX_LINES else "network: and more")

    handler, level = RefusalHandler(logging.INFO), _LOGGER.level
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.addHandler(handler)
    try:
        yield lines
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)
