"""The sandbox that `--sandbox` names: looked up before anything is opened, with a warning of a weak one."""

import sys
import warnings
from collections.abc import Mapping

from coder.errors import UsageError
from sandbox.open import find_backend

_LACKING = "restricted keeps less than other sandboxes; coder sandbox doctor --backend restricted says what"


def see_backend(name: str, flags: Mapping[str, object]) -> None:
    """Warn of a weak backend; UsageError: there is none of that name, or it takes no such flag."""
    try:
        find_backend(name)
    except ValueError as error:
        raise UsageError(str(error)) from error
    for key in ("image", "runtime"):
        if flags.get(key) is not None and name != "docker":
            raise UsageError(f"--{key} is Docker's, and programs run in {name}. Add: --sandbox docker")
    if name == "unsafe-host":
        from sandbox.backends.unsafe_host import WARNING, UnsafeHostWarning

        warnings.simplefilter("ignore", UnsafeHostWarning)  # said here, in our own words
        print(f"warning: {WARNING}", file=sys.stderr)
    elif name == "restricted":
        print(f"warning: {_LACKING}", file=sys.stderr)
