"""What the host and the client of a kernel say to each other: a kind, the number of a cell, and the rest."""

import re
import struct

EXECUTE, INTERRUPT, PING, START = b"X", b"I", b"P", b"S"
"""From the host: run this source; and, bare: interrupt what runs; say that you are READY; start."""
LOADED, READY, MISSING, BEGUN, DONE = b"W", b"R", b"N", b"B", b"D"
"""From the client, of cell 0: START is waited for; the kernel is up; there is no ipykernel. Of a cell: it
begins; it has ended."""
STDOUT, STDERR, RICH, LEFT_OUT, CLEAR = b"O", b"E", b"M", b"L", b"C"
"""Of a cell: text; one output in one rich type; one that can't be sent; forget all that was shown so far."""
NUMBER = struct.Struct("<I")
RICH_HEAD = struct.Struct("<IB")
"""Of a rich output: its number in the cell, and the length of the name of its type, which comes next."""
ENDING = struct.Struct("<BB")
"""Of the end: exit code, and 1 where the cell asked the kernel to end."""
MAX_TEXT = 1 << 16
"""Bytes of text in one frame."""
MAX_RICH = (16 << 20) - 4096
"""Bytes of one rich output."""
MAX_TYPE = 100
"""Characters of the name of its type."""
TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+_-]+", re.ASCII)
"""What such a name is made of."""
