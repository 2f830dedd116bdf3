"""The Python that programs get, and its packages. Read interpreter."""
