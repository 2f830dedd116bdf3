"""The first byte of a frame between the host and the checker's process says whose word it is."""

TO_CANDIDATE, REPORT = b"C", b"R"
"""From the checker: a request that the host passes on unread, or what it found."""
FROM_CANDIDATE, ENDED, TIMED_OUT = b"A", b"E", b"T"
"""To the checker: the candidate's own bytes, or the host's word that none will come any more."""
