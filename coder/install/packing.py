"""Runs inside the sandbox, after an install: puts what was installed into one archive. Standard library only.

Arguments: the virtual environment, Node's modules, the archive. Either folder may be missing.
"""

import os
import sys
import tarfile

_INTERPRETER = ("python", "pypy", "activate", "Activate")
"""Prefixes of the environment's own files in `bin`, which are made anew outside."""


def main() -> None:
    """Pack both folders."""
    environment, modules, target = sys.argv[1:]
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        if os.path.isdir(environment):
            _add(archive, environment, "env")
            for name in ("lib", "bin"):
                _add_all(archive, os.path.join(environment, name), "env/" + name)
        if os.path.isdir(modules) and not os.path.islink(modules):
            _add_all(archive, modules, "node_modules")


def _add_all(archive: tarfile.TarFile, top: str, shown: str) -> None:
    for base, folders, names in os.walk(top):
        inside = shown + base[len(top) :]
        _add(archive, base, inside)
        links = [name for name in folders if os.path.islink(os.path.join(base, name))]
        for name in names + links:
            if inside != "env/bin" or not name.startswith(_INTERPRETER):
                _add(archive, os.path.join(base, name), inside + "/" + name)


def _add(archive: tarfile.TarFile, path: str, shown: str) -> None:
    entry = archive.gettarinfo(path, shown)
    if entry is None:  # a socket
        return
    if entry.islnk():  # a second name: it is a file of its own in here
        entry.type, entry.size = tarfile.REGTYPE, os.stat(path).st_size
    if entry.isreg():
        with open(path, "rb") as file:
            archive.addfile(entry, file)
    else:
        archive.addfile(entry)


if __name__ == "__main__":
    main()
