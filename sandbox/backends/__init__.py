"""One backend a file: what holds the programs, and what it can keep. Read bubblewrap."""
