"""Network requests of a program that were refused, for the screen after its end."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("sandbox.network")
_MOST = 5


@contextmanager
def network_refusals() -> Iterator[list[str]]:
    """Collect the refusals while the block runs, each once, up to a limit."""
    lines: list[str] = []

    class RefusalHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            prefix, refused, reason = record.getMessage().partition("refused: ")
            line = f"network: {reason}"
            if refused and not prefix and line not in lines and len(lines) <= _MOST:
                lines.append(line if len(lines) < _MOST else "network: and more")

    keeper, level = RefusalHandler(logging.INFO), _LOGGER.level
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.addHandler(keeper)
    try:
        yield lines
    finally:
        _LOGGER.removeHandler(keeper)
        _LOGGER.setLevel(level)
