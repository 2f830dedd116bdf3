"""The first byte of a frame between the host and the checker's process: its kind.

A frame to the process that candidates are cloned from is nothing but such a byte.
"""

TO_CANDIDATE, REPORT, AGAIN = b"C", b"R", b"N"
"""From the checker: a request that the host passes on unread, a report, a request for another candidate."""
FROM_CANDIDATE, ENDED, TIMED_OUT = b"A", b"E", b"T"
"""To the checker: the candidate's answer, or the host's word that none will come any more."""
LOST = b"L"
"""From a checker whose socket to the candidate closed: asks how the candidate ended."""
BEGIN, END, HUNG_UP = b"B", b"X", b"H"
"""To what candidates are cloned from: start one on the socket that comes along; end it; end it once it has
closed that socket."""
