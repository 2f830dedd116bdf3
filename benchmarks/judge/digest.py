"""Digest of the judging code: only verdicts with equal digests are compared."""

import hashlib
from functools import cache
from pathlib import Path

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
    judge, box = (Path(package.__path__[0]) for package in (benchmarks.judge, sandbox))
    folders = (judge, box / "verdicts", box / "inner")
    files = [file for folder in folders for kind in ("*.py", "*.txt") for file in folder.rglob(kind)]
    return sorted([*files, box / "policy.py", box / "host" / "limits.py"])
