"""Where programs find what is shown to them of the host."""

PYTHON, VENV, COMMANDS, KERNEL = "/opt/python", "/opt/venv", "/opt/bin", "/opt/kernel"
SITE = "/opt/site"
"""With a number behind it: a folder of packages, of which KERNEL shows some."""
ATTACHED = "/opt/attached"
"""With a number behind it: the folder for the place of that number."""
SHOWN = "/opt/shown"
"""Folders that are shown beside the workspace, by their names."""
EGRESS = ("127.0.0.1", 61_080)
"""Where a run reaches its proxy; the kernel gives connections lower ports."""
