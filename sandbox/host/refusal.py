"""Why bubblewrap can't be used on this machine, and the command that helps."""

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.errors import BackendMissing, NamespacesRefused

KERNEL = Path("/proc/sys")
APPARMOR = "kernel/apparmor_restrict_unprivileged_userns"
CLONE = "kernel/unprivileged_userns_clone"
MOST = "user/max_user_namespaces"
PROFILE_PLACE = "/etc/apparmor.d/bwrap"
PROFILE = """\
abi <abi/4.0>,
include <tunables/global>

profile bwrap /usr/bin/bwrap flags=(unconfined) {
  userns,

  include if exists <local/bwrap>
}
"""
"""A profile for bubblewrap alone, as Ubuntu documents it. Ubuntu's own `bwrap-userns-restrict` denies
namespaces to programs inside bubblewrap: then each run gets its own bubblewrap."""
_SIGNS = ("uid map", "new namespace", "user namespace", "clone into new", "unshare", "userns", "rtm_newaddr")
_DENIED = ("operation not permitted", "permission denied")
_CONTAINER = " ".join(f"--security-opt {name}=unconfined" for name in ("seccomp", "apparmor", "systempaths"))
"""Options of an engine; the last one as /proc can only be mounted where nothing covers the old one."""
_CONTAINER_OF_ROOT = "--user 1000:1000 "
"""Option against root, which lacks rights in a container for its own setup steps; a user needs none."""
_PRIVILEGED = ("mount", "pivot_root", "sethostname", "capset")
"""Calls that AppArmor can deny inside a user namespace that it permits."""
INSTALL = {
    "apt-get": "sudo apt-get install bubblewrap",
    "dnf": "sudo dnf install bubblewrap",
    "pacman": "sudo pacman -S bubblewrap",
    "zypper": "sudo zypper install bubblewrap",
    "apk": "sudo apk add bubblewrap",
}


def why_missing(machines: Sequence[str]) -> BackendMissing:
    """Return why this machine can't run the backend: not Linux, another architecture, or no bubblewrap."""
    if sys.platform != "linux":
        return BackendMissing(f"bubblewrap needs Linux; this is {platform.system()}.")
    if os.uname().machine not in machines:
        return BackendMissing(
            f"No filter of system calls is made for {os.uname().machine}: {' and '.join(machines)} only."
        )
    command = next((INSTALL[tool] for tool in INSTALL if shutil.which(tool)), INSTALL["apt-get"])
    return BackendMissing(
        f"bubblewrap (bwrap) isn't installed on this machine. Install it with: {command}", fix=command
    )


def explain(said: str, *, kernel: Path = KERNEL) -> BackendMissing:
    """Return the error for a failed start, with advice; NamespacesRefused if that is the reason."""
    errors = said.strip()
    if not _is_refusal(errors.lower()):
        said_last = errors.splitlines()[-1].strip() if errors else "it said nothing"
        return BackendMissing(f"The sandbox could not be started: {said_last}")
    help_, fix = _help(kernel)
    return NamespacesRefused(f"{_why(kernel)} (it said: {errors.splitlines()[-1]}). {help_}: {fix}", fix=fix)


def _is_refusal(said: str) -> bool:
    privileged = any(word in said for word in _PRIVILEGED) and any(word in said for word in _DENIED)
    return privileged or any(sign in said for sign in _SIGNS)


def _why(kernel: Path) -> str:
    if _number(kernel / APPARMOR) == 1:
        return (
            "AppArmor denies user namespaces, or what they give the right to, to programs without a profile "
            "that allows them, and bubblewrap needs them"
        )
    if _number(kernel / CLONE) == 0:
        return "This kernel has user namespaces turned off for ordinary users, and bubblewrap needs them"
    if _number(kernel / MOST) == 0:
        return "This kernel is set to have no user namespaces at all, and bubblewrap needs them"
    return "User namespaces are refused here, and bubblewrap needs them"


def _help(kernel: Path) -> tuple[str, str]:
    if _number(kernel / APPARMOR) == 1:
        return (
            "A profile for bubblewrap alone leaves the restriction in place for everything else. "
            "Allow them with",
            f"sudo tee {PROFILE_PLACE} <<'END' && sudo apparmor_parser -r {PROFILE_PLACE}\n{PROFILE}END",
        )
    if _number(kernel / CLONE) == 0:
        return "Allow them with", f"sudo sysctl {_switch(CLONE)}=1"
    if _number(kernel / MOST) == 0:
        return "Allow them with", f"sudo sysctl {_switch(MOST)}=15000"
    return (
        "In a container that is as it is, --sandbox container works, and keeps less; "
        "one of your own, start it with",
        f"{_CONTAINER_OF_ROOT if os.geteuid() == 0 else ''}{_CONTAINER}",
    )


def _switch(path: str) -> str:
    return path.replace("/", ".")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
