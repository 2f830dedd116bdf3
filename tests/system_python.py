"""An interpreter that any uid of this machine can reach; ours may lie below a home folder that is closed."""

from pathlib import Path

SYSTEM_PYTHON = Path("/usr/bin/python3")
