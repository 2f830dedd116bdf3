"""An interpreter that has pytest and nothing else.

Ours has a dozen plugins, which pytest imports at each start: 1.4 s of processor time instead of 0.25. Tests
that start pytest on small projects give this one.
"""

import compileall
import shutil
import sys
import tempfile
import venv
from contextlib import AbstractAsyncContextManager
from importlib.metadata import files, version
from pathlib import Path
from py_compile import PycInvalidationMode

from sandbox import Policy, Sandbox, open_sandbox

_NAMES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")


def only_pytest(*more: str) -> Path:
    """The interpreter, made at the first call of all; it lies in our own environment and lasts as long.

    Args:
        more: names of further installed distributions to copy into it.
    """
    folder = Path(sys.prefix, "-".join(("compiled-both-pytest", version("pytest"), *more)))
    if not folder.exists():
        making = Path(tempfile.mkdtemp(dir=sys.prefix))
        making.chmod(0o755)
        venv.create(making, symlinks=True)
        packages = next(making.glob("lib/python*/site-packages"))
        _fill(packages, _NAMES + more)
        # Nothing that runs in a sandbox may write there, so that it would be compiled at each start.
        once = PycInvalidationMode.UNCHECKED_HASH
        levels = [0, 1]  # 1: for tests that set PYTHONOPTIMIZE
        compileall.compile_dir(packages, quiet=1, optimize=levels, invalidation_mode=once)
        try:
            making.rename(folder)
        except OSError:  # another worker was faster
            shutil.rmtree(making)
    return folder / "bin" / "python"


def opened() -> AbstractAsyncContextManager[Sandbox]:
    """A sandbox whose programs have that interpreter."""
    return open_sandbox(Policy(python=only_pytest(), preload=("pytest", "unittest.mock")))


def _fill(packages: Path, names: tuple[str, ...]) -> None:
    for name in names:
        for file in files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), packages / file)
