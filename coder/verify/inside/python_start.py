"""Have scripts.py run the tests of an interpreter that a test command's script calls by its path.

In the sandbox's archive as sitecustomize.py in a folder of its own, which comes first on PYTHONPATH; standard
library only. Python imports it before the folder that it runs in is on its path, so before anything that a
change brings.
"""

import os
import sys
import types
from importlib.machinery import PathFinder

_HERE = os.path.dirname(os.path.abspath(__file__))


def _start() -> None:
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _HERE]
    if sys.version_info >= (3, 8) and "CODER_IN_TESTS" not in os.environ:
        beside = os.path.dirname(_HERE)
        sys.path.insert(0, beside)
        try:
            import start_path  # type: ignore[import-not-found]  # in the folder above, and first

            # isort: split
            from scripts import redirected  # type: ignore[import-not-found]

            start_path.restore()
            del sys.modules["scripts"], sys.modules["start_path"]
        finally:
            sys.path.remove(beside)
        with open("/proc/self/cmdline", "rb") as file:
            words = [os.fsdecode(word) for word in file.read().split(b"\0")[1:-1]]
        if command := redirected(words):
            os.execv(sys.executable, [sys.executable, *command])
    spec = PathFinder.find_spec("sitecustomize")  # the interpreter's, if it has one
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = types.ModuleType("sitecustomize")
        module.__spec__, module.__file__ = spec, spec.origin
        spec.loader.exec_module(module)


_start()
