"""What runs inside a sandbox: the standard library alone, Python 3.8 and later. Read process, walls."""
