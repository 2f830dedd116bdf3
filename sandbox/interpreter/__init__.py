"""The Python that programs get, and its packages, found by looking at files. Read interpreter."""
