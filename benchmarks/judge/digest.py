"""Compute digests of the judge and its interpreter: only verdicts with equal digests are comparable."""

import hashlib
from functools import cache
from pathlib import Path

import benchmarks.harbor
import benchmarks.judge
import sandbox


@cache
def judge_digest() -> str:
    """Return the SHA-256 digest (hex) of the judge's source files, including those that run in sandboxes."""
    digest = hashlib.sha256()
    for file in deciding_files():
        content = file.read_bytes()
        digest.update(f"{file.parent.name}/{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def deciding_files() -> list[Path]:
    """Return the files that determine a verdict, in a fixed order."""
    packages = (benchmarks.judge, benchmarks.harbor, sandbox)
    judge, harbor, box = (Path(package.__path__[0]) for package in packages)
    folders = (judge, harbor, box / "verdicts", box / "inner")
    files = [file for folder in folders for kind in ("*.py", "*.txt") for file in folder.rglob(kind)]
    return sorted([*files, box / "policy.py", box / "host" / "limits.py"])


def installation_times(python: Path | None) -> str:
    """Return the times at which packages of an interpreter were last installed or removed."""
    folders = python.parent.parent.glob("lib/python*/site-packages") if python is not None else ()
    return ",".join(str(folder.stat().st_mtime_ns) for folder in folders)
