"""Paths inside the sandbox."""

WORKSPACE = "/w"
PYTHON, VENV, COMMANDS, KERNEL = "/opt/python", "/opt/venv", "/opt/bin", "/opt/kernel"
SITE = "/opt/site"
"""Prefix of a numbered folder of packages; KERNEL shows some of them."""
ATTACHED = "/opt/attached"
"""Prefix of a numbered folder that is shown in the workspace."""
SHOWN = "/opt/shown"
"""Folders beside the workspace, by name."""
CONTAINER_MARK = "/run/.containerenv"
"""The file by which programs know that a container is around them, as Podman makes it."""
EGRESS = ("127.0.0.1", 61_080)
"""Where a run reaches its proxy; the kernel assigns lower ports to connections."""
