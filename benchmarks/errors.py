"""What a benchmark can't be started with. All of them are the user's to mend, and end with exit code 2.

UsageError (of coder)
├── BadSuite      a suite that isn't there, or whose file can't be read as one
├── BadSamples    a samples file that is damaged, or belongs to another suite
├── BadRun        a run that can't be gone on with: unknown, or of another suite, judge or parameters
└── BadReport     a report or a baseline that can't be read, or can't be compared with another
"""

from coder.errors import UsageError


class BadSuite(UsageError):
    """No suite has this name, or the file isn't one; the message says which line."""


class BadSamples(UsageError):
    """The samples file is damaged, empty or of another suite; nothing of it was scored."""


class BadReport(UsageError):
    """A report or a baseline can't be read, or two of them are of different suites."""


class BadRun(UsageError):
    """No benchmark's run has this id, or it is about something else than what was asked for now."""
