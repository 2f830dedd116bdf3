"""Find the Python of programs, its packages and our plugins, by reading files. Read interpreter."""
