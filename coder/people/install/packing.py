"""Pack the installed files into one archive, inside the sandbox. Standard library only.

The working directory holds `env`, a virtual environment, and `node_modules`; either may be missing.
"""

import os
import tarfile

_INTERPRETER_FILES = ("env/bin/python", "env/bin/pypy", "env/bin/activate", "env/bin/Activate")
"""Prefixes of the environment's own files, which are made again outside of the sandbox."""


def _pack_entry(entry: "tarfile.TarInfo") -> "tarfile.TarInfo | None":
    if entry.name.startswith(_INTERPRETER_FILES):
        return None
    if entry.islnk():  # a hard link is packed as a file of its own
        entry.type, entry.size = tarfile.REGTYPE, os.stat(entry.name).st_size
    return entry


if __name__ == "__main__":
    with tarfile.open("installed.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        if os.path.isdir("env"):
            archive.add("env", recursive=False)
        for name in ("env/lib", "env/bin", "node_modules"):
            if os.path.isdir(name) and not os.path.islink(name):
                archive.add(name, filter=_pack_entry)
