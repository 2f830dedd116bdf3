"""Find the Python of programs, and its packages, by reading files. Read interpreter."""
