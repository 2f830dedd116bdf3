"""Which judge it was: a digest of the code that decides, so that only like verdicts are compared."""

import hashlib
from functools import cache
from pathlib import Path

import benchmarks.judge
import sandbox

_DECIDING = ("trial.py", "tried.py", "relay.py", "check.py", "policy.py", "limits.py")


@cache
def judge_digest() -> str:
    """SHA-256 (hex) of the judge's source files, and of what it runs inside of sandboxes."""
    judge, box = (Path(package.__path__[0]) for package in (benchmarks.judge, sandbox))
    files = [
        *judge.rglob("*.py"),
        *judge.rglob("*.txt"),
        *(box / "inner").glob("*.py"),
        *(box / name for name in _DECIDING),
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.parent.name}/{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
