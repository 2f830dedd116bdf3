"""Modules that runs will need, imported before one begins, so that a program finds them at once.

Without a virtual environment the server imports them, once for all runs: it is made of the same interpreter.
What a virtual environment brings is imported by each child behind its walls, ahead of its run.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

from sandbox.inner.process.wire import FAILED, READY
from sandbox.inner.walls.places import VENV
from sandbox.inner.walls.sites import leaves_nothing

_ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""A process with threads can't be forked; what reads these does so when it is imported."""
_SEEDED = ("random", "numpy.random", "torch")
"""Modules whose own random state would be the same in every run, each with a function `seed`."""
_PATIENCE_S = 30.0
_LONGEST = 500
"""Characters said of a module that can't be imported."""


def load(names: list[str]) -> None:
    """Import modules with one thread; what they raise comes out."""
    os.environ.update(_ONE_THREAD)
    try:
        for name in names:
            importlib.import_module(name)
    finally:
        for variable in _ONE_THREAD:
            del os.environ[variable]


def load_once(names: list[str]) -> None:
    """In the server: import them for all runs, unless that is for each child to do."""
    if names and not os.path.isdir(VENV) and leaves_nothing(lambda: load(names), patience_s=_PATIENCE_S):
        load(names)


def answer(names: list[str]) -> bytes:
    """In a child, before it is lent: import what is missing still, and what to tell the host of it."""
    for name in names:
        try:
            load([name])
        except BaseException as error:  # noqa: BLE001 - code that nobody has read may raise anything
            said = f"{name}: {type(error).__name__}: {error}"
            return FAILED + said.encode("ascii", "backslashreplace")[:_LONGEST]
    gc.freeze()  # else the collection at the end of a run goes through all of it
    return READY


def reseed() -> None:
    """In a child: random state of its own."""
    for name in _SEEDED:
        if name in sys.modules:
            sys.modules[name].seed()
