"""Errors that end a test besides its assertions: the candidate is gone, or its value can't be taken."""

from __future__ import annotations


class CandidateGone(BaseException):
    """The candidate ended, timed out or broke the protocol. Not an Exception, so no test expects it."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class NotPlain(BaseException):
    """The candidate returned something other than plain data where only that is accepted."""


class CannotCross(Exception):
    """A value can't be copied to the other side, being too large, too deep or of another kind."""
