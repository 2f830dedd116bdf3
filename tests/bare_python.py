"""The base interpreter without the packages that this machine has installed in it.

Lines of their `.pth` files run at each start of it: some import for longer than the start takes.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

_UNUSED = shutil.ignore_patterns("site-packages", "dist-packages", "test", "config-*")


def bare_python() -> Path:
    """The interpreter, made at the first call of all; it lies in our own environment and lasts as long.

    It is the base itself where that has no such lines.
    """
    executable = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    library = Path(os.__file__).parent
    prefix = executable.parent.parent
    if not library.is_relative_to(prefix) or not any((library / "site-packages").glob("*.pth")):
        return executable
    folder = Path(sys.prefix, f"bare-base-{sys.version.split()[0]}")
    if not folder.exists():
        making = Path(tempfile.mkdtemp(dir=sys.prefix))
        making.chmod(0o755)
        shutil.copytree(library, making / library.relative_to(prefix), symlinks=True, ignore=_UNUSED)
        (making / library.relative_to(prefix) / "site-packages").mkdir()
        (making / "bin").mkdir()
        for file in (executable, *(prefix / "lib").glob("libpython3*.so*")):
            shutil.copy2(file, making / file.relative_to(prefix), follow_symlinks=False)
        if executable.name != "python3":  # of a virtual environment, which names this folder as its home
            (making / "bin" / "python3").symlink_to(executable.name)
        try:
            making.rename(folder)
        except OSError:  # another worker was faster
            shutil.rmtree(making)
    return folder / "bin" / executable.name
