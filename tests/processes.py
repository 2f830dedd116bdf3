"""Look at the processes of this machine from outside."""

from pathlib import Path


def processes_with(tag: str) -> list[int]:
    """Processes that have a word in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if tag.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found
