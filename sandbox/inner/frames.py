"""The first byte of a frame between the host and the checker's process says whose word it is."""

TO_CANDIDATE, REPORT, AGAIN = b"C", b"R", b"N"
"""From the checker: a request that the host passes on unread, what it found, a wish for another candidate."""
FROM_CANDIDATE, ENDED, TIMED_OUT = b"A", b"E", b"T"
"""To the checker: the candidate's own bytes, or the host's word that none will come any more."""
REFERENCE = b"R"
"""Behind AGAIN: the wish for what is known to be right, in place of the candidate."""
