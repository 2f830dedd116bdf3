"""Why bubblewrap can't be used on this machine, and the command that helps."""

import os
import platform
import shutil
import sys
from pathlib import Path

from sandbox.errors import BackendMissing

APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_USERNS_SWITCH = Path("/proc/sys/kernel/unprivileged_userns_clone")
_SIGNS = ("uid map", "new namespace", "user namespace", "clone into new", "unshare", "userns")
INSTALL = {
    "apt-get": "sudo apt-get install bubblewrap",
    "dnf": "sudo dnf install bubblewrap",
    "pacman": "sudo pacman -S bubblewrap",
    "zypper": "sudo zypper install bubblewrap",
    "apk": "sudo apk add bubblewrap",
}


def require_bubblewrap() -> None:
    """See that this machine could have the backend at all.

    Raises:
        BackendMissing: not Linux, another architecture, or no bubblewrap; says what to do.
    """
    if sys.platform != "linux":
        raise BackendMissing(f"bubblewrap needs Linux; this is {platform.system()}.")
    if os.uname().machine not in ("x86_64", "aarch64"):
        raise BackendMissing(
            f"No filter of system calls is made for {os.uname().machine}: x86_64 and aarch64 only."
        )
    if shutil.which("bwrap") is None:
        command = next((INSTALL[tool] for tool in INSTALL if shutil.which(tool)), INSTALL["apt-get"])
        raise BackendMissing(
            f"bubblewrap (bwrap) isn't installed on this machine. Install it with: {command}"
        )


def explain(said: str) -> BackendMissing:
    """What bubblewrap or the server said when it could not start, with what to do about it."""
    if any(sign in said.lower() for sign in _SIGNS):
        if _reads_one(APPARMOR):
            return BackendMissing(
                "AppArmor forbids user namespaces to programs without a profile, and bubblewrap needs them "
                f"({said.strip()}). Allow them with: "
                "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
            )
        if _USERNS_SWITCH.exists() and not _reads_one(_USERNS_SWITCH):
            return BackendMissing(
                f"This kernel has user namespaces turned off ({said.strip()}). "
                "Allow them with: sudo sysctl kernel.unprivileged_userns_clone=1"
            )
        return BackendMissing(
            f"User namespaces are refused here, and bubblewrap needs them ({said.strip()}). "
            "Inside a container, start it with: "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        )
    return BackendMissing(f"bubblewrap could not start the sandbox: {said.strip() or 'it said nothing'}")


def _reads_one(path: Path) -> bool:
    try:
        return path.read_text().strip() == "1"
    except OSError:
        return False
