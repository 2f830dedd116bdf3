"""What ends a test other than its own assertions: the candidate is gone, or what it gave can't be taken."""

from __future__ import annotations


class CandidateGone(BaseException):
    """The candidate's process ended, ran out of time or talks nonsense.

    No Exception, so that a test can't take it for an error that it expects.
    """

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class NotPlain(BaseException):
    """The candidate returned something other than plain data where only that is accepted."""


class CannotCross(Exception):
    """A value that is too large, too deep or otherwise can't be copied to the other side."""
