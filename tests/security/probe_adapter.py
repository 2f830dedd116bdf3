"""The adapter through which the shared probe runner attacks a sandbox in its own process."""

import asyncio
import os
import threading
from typing import Any

from sandbox import Policy, PythonCode
from sandbox.bubblewrap import open_bubblewrap

_WITHOUT = frozenset(filter(None, os.environ.get("SANDBOX_WITHOUT", "").split(",")))
_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, daemon=True).start()


class Session:
    """One sandbox; its runs block the caller."""

    def __init__(self) -> None:
        self._opening = open_bubblewrap(Policy(), without=_WITHOUT)
        self._sandbox = _wait(self._opening.__aenter__())
        self._closed = False

    def run(self, code: str) -> dict[str, Any]:
        """Run one program, and collect every file of the workspace afterwards."""
        result = _wait(self._sandbox.run(PythonCode(source=code)))
        paths = _wait(self._sandbox.manifest())
        return {
            "status": result.status,
            "exit_code": result.exit_code,
            "stdout": result.stdout,
            "stderr": result.stderr,
            "wall": result.wall_s,
            "artifacts": {path: _wait(self._sandbox.read(path, limit=1 << 30)) for path in paths},
        }

    def close(self) -> None:
        """Close the sandbox once."""
        if not self._closed:
            self._closed = True
            _wait(self._opening.__aexit__(None, None, None))


def open(cfg: dict[str, Any]) -> Session:
    """What the runner calls."""
    return Session()


def _wait(work: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(work, _loop).result()
