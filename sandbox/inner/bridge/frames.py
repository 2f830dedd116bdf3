"""The first byte of a frame between the host and the checker's process says whose word it is.

To the process that becomes candidates a frame is nothing but such a byte.
"""

TO_CANDIDATE, REPORT, AGAIN = b"C", b"R", b"N"
"""From the checker: a request that the host passes on unread, what it found, a wish for another candidate."""
FROM_CANDIDATE, ENDED, TIMED_OUT = b"A", b"E", b"T"
"""To the checker: the candidate's own bytes, or the host's word that none will come any more."""
LOST = b"L"
"""From a checker whose line to the candidate broke: how did that one end?"""
REFERENCE = b"R"
"""Behind AGAIN: the wish for what is known to be right, in place of the candidate."""
BEGIN, END, HUNG_UP = b"B", b"X", b"H"
"""To what becomes candidates: be one, on the line that comes along; end it; end it, it closed that line."""
