"""Code that runs inside a sandbox: standard library only, Python 3.8 or later. Read process, walls."""
