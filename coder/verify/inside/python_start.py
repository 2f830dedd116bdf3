"""Make scripts.py run the tests of an interpreter that a test command's script calls by its path.

In the sandbox's archive as sitecustomize.py in a folder of its own, which is first on PYTHONPATH; standard
library only. Python imports it before the interpreter's current folder is on the path, so before any file
that a change brings.
"""

import os
import sys
import types
from importlib.machinery import PathFinder

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _start() -> None:
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _OWN_FOLDER]
    if sys.version_info >= (3, 8) and "CODER_IN_TESTS" not in os.environ:
        archive = os.path.dirname(_OWN_FOLDER)
        sys.path.insert(0, archive)
        try:
            import start_path  # type: ignore[import-not-found]  # in the folder above, and first

            # isort: split
            from scripts import redirected_arguments  # type: ignore[import-not-found]

            start_path.restore()
            del sys.modules["scripts"], sys.modules["start_path"]
        finally:
            sys.path.remove(archive)
        with open("/proc/self/cmdline", "rb") as file:
            words = [os.fsdecode(word) for word in file.read().split(b"\0")[1:-1]]
        if command := redirected_arguments(words):
            os.execv(sys.executable, [sys.executable, *command])
    spec = PathFinder.find_spec("sitecustomize")  # the interpreter's, if it has one
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = types.ModuleType("sitecustomize")
        module.__spec__, module.__file__ = spec, spec.origin
        spec.loader.exec_module(module)


_start()
