"""Network requests of a program that were refused, for the screen after its end."""

import logging
from types import TracebackType
from typing import Self

_LOGGER = logging.getLogger("sandbox.network")
_MOST = 5


class NetworkRefusals(logging.Handler):
    """A context around a run; `lines` are what was refused, each once, and no more than a few."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._said: dict[str, None] = {}
        self._level = logging.NOTSET

    def __enter__(self) -> Self:
        self._level = _LOGGER.level
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _LOGGER.removeHandler(self)
        _LOGGER.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what was refused."""
        if len(self._said) <= _MOST and record.getMessage().startswith("refused: "):
            self._said[record.getMessage().removeprefix("refused: ")] = None

    @property
    def lines(self) -> list[str]:
        """For the screen."""
        shown = [f"network: {reason}" for reason in list(self._said)[:_MOST]]
        return [*shown, "network: and more"] if len(self._said) > _MOST else shown
