"""Tell whether the tests or the code under test skip a test, or make it fail.

In the sandbox's archive with reporter.py; standard library only.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from typing import Any

_MISSING_IMPORT = re.compile(r"could not import '([^'.]+)")
_MISSING_ERRORS = (ImportError, NameError, AttributeError, TypeError, FileNotFoundError)
"""Exceptions that a library also raises for a missing name, parameter or file."""
_UNREACHABLE = (errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH)
_SLIPS = (NameError, AttributeError, TypeError, LookupError, ArithmeticError, ImportError)
"""Exceptions that code raises by mistake, also while it handles another one."""
_FRAMEWORKS = {"_pytest", "pluggy", "unittest"}


class Skips:
    """Decides by the files of a failure's frames whether tests or code skip a test, or make it fail."""

    def __init__(self, ours: list[str], names: list[str], *, added: Any = None, root: str = ".") -> None:
        self.ours, self.root = ours, os.path.realpath(root)
        self._added, self._names = added, set(names)
        parts = [part for name in names for part in name.split("/")]
        self._modules = {part[:-3] if part.endswith(".py") else part for part in parts}

    def reach_the_code(self, error: BaseException, frames: list[tuple[str, str]], test: str) -> bool:
        """Return whether a test's body failed in the code under test.

        Such a failure is an assertion, has a frame in the code, or is a library's exception on the code's
        objects. A missing name, or a failure before the body, shows nothing about the code.

        Args:
            frames: file and function of each frame.
            test: the test's function.
        """
        if test in [function for _, function in frames] and self.lack_what_is_added(error):
            return True
        if isinstance(error, ImportError) or test not in [function for _, function in frames]:
            return False
        root_prefix = self.root + os.sep
        paths = [os.path.realpath(path) for path, _ in frames]
        own_paths = [path[len(root_prefix) :] for path in paths if path.startswith(root_prefix)]
        is_asserted = isinstance(error, AssertionError) or type(error).__name__ == "Failed"  # pytest.fail()
        if is_asserted or any(path in self._names and not is_ours(path, self.ours) for path in own_paths):
            return True
        last_path = paths[-1]
        is_in_library = not last_path.startswith(root_prefix) and _FRAMEWORKS.isdisjoint(
            last_path.split(os.sep)
        )
        return is_in_library and not isinstance(error, _MISSING_ERRORS)

    def lack_what_is_added(self, error: BaseException) -> bool:
        """Return whether a line of the tests failed for lack of a name, parameter or module of the change."""
        return self._added is not None and bool(self._added.explain(error, self.ours))

    def find_lack(self, error: BaseException) -> str:
        """Return `network` if an exception, or one that led to it, says that a host can't be looked up or
        reached, `service` if a host answers to no connection; else an empty string.
        """
        seen: list[BaseException] = []
        waiting: list[BaseException] = [error]
        lacks = set()
        while waiting:
            current = waiting.pop()
            if any(current is other for other in seen):
                continue
            seen.append(current)
            lacks.add(self._lack(current))
            # `from None` hides what led to it from people alone: httpcore's pool does so.
            led_to = current.__cause__ or (None if isinstance(current, _SLIPS) else current.__context__)
            waiting += [] if led_to is None else [led_to]
            waiting += getattr(current, "exceptions", ()) if _is_group(current) else ()
        return next((lack for lack in ("network", "service") if lack in lacks), "")

    def _lack(self, error: BaseException) -> str:
        is_os_error = isinstance(error, OSError)
        if isinstance(error, socket.gaierror) or (is_os_error and error.errno in _UNREACHABLE):  # type: ignore[attr-defined]
            return "network"
        is_refused = isinstance(error, ConnectionRefusedError)
        return "service" if is_refused or self._is_of_a_client(error) else ""

    def _is_of_a_client(self, error: BaseException) -> bool:
        """Return whether a library's function `connect` raised an error of the system or of a database.

        Clients in C (libpq) give no errno, and a socket that is a file is a missing file.
        """
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is None or trace.tb_frame.f_code.co_name != "connect":
            return False
        path = os.path.realpath(trace.tb_frame.f_code.co_filename)
        is_own = path.startswith(self.root + os.sep) and path[len(self.root) + 1 :] in self._names
        # PEP 249 names the class.
        return not is_own and (isinstance(error, OSError) or type(error).__name__ == "OperationalError")

    def are_the_tests_own(self, places: list[str], reason: str) -> bool:
        """Return whether the tests or libraries skip, other than for a missing module of the workspace."""
        root_prefix = self.root + os.sep
        own_paths = [path for path in map(os.path.realpath, places) if path.startswith(root_prefix)]
        missing_module = _MISSING_IMPORT.search(reason)
        return all(is_ours(path[len(root_prefix) :], self.ours) for path in own_paths) and (
            missing_module is None or missing_module.group(1) not in self._modules
        )


def _is_group(error: BaseException) -> bool:
    """Return whether an exception is a group, which Python has from 3.11 on."""
    return any(base.__name__ == "BaseExceptionGroup" for base in type(error).__mro__)


def is_ours(path: str, ours: list[str]) -> bool:
    """Return whether a path of the workspace is one of the tests' paths (`ours`) or below one of them."""
    return path in ours or any(path.startswith(f"{name}/") for name in ours)
