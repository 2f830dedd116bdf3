"""What is said where namespaces are refused, by the words of bubblewrap and the kernel's switches."""

import os
from pathlib import Path

import pytest

from sandbox import BackendMissing
from sandbox.errors import NamespacesRefused
from sandbox.host.refusal import APPARMOR, CLONE, MOST, explain

REFUSED = (
    "bwrap: setting up uid map: Permission denied",  # Ubuntu 24.04 without a profile for bwrap
    "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",  # the same, with --unshare-net
    "bwrap: No permissions to create new namespace, likely because the kernel does not allow "
    "non-privileged user namespaces.",
    "bwrap: Creating new namespace failed: No space left on device",
    "Traceback (most recent call last):\n  …\nOSError: [Errno 28] unshare: No space left on device",
    "Traceback (most recent call last):\n  …\nPermissionError: [Errno 13] mount  on /: Permission denied",
)


def machine(tmp_path: Path, **switches: str) -> Path:
    """A folder like /proc/sys."""
    names = {"apparmor": APPARMOR, "clone": CLONE, "most": MOST}
    for name, value in switches.items():
        switch = tmp_path / names[name]
        switch.parent.mkdir(exist_ok=True)
        switch.write_text(f"{value}\n")
    return tmp_path


@pytest.mark.parametrize("said", REFUSED)
def test_a_refusal_of_namespaces_is_recognised(said: str, tmp_path: Path) -> None:
    refusal = explain(said, kernel=tmp_path)

    assert isinstance(refusal, NamespacesRefused)
    assert said.splitlines()[-1] in str(refusal)


@pytest.mark.parametrize(
    "said",
    [
        "ModuleNotFoundError: No module named 'sandbox.inner.process.egress_socket'",
        "bwrap: Unknown option --size",
        "",
    ],
)
def test_other_failures_are_told_as_they_are(said: str, tmp_path: Path) -> None:
    refusal = explain(said, kernel=machine(tmp_path, apparmor="1", clone="0"))

    assert type(refusal) is BackendMissing
    assert (said or "it said nothing") in str(refusal)


def test_apparmors_restriction_is_answered_by_a_profile_for_bubblewrap_alone(tmp_path: Path) -> None:
    refusal = str(explain(REFUSED[0], kernel=machine(tmp_path, apparmor="1", most="63000")))

    assert "AppArmor" in refusal
    assert "profile bwrap /usr/bin/bwrap flags=(unconfined) {\n  userns,\n" in refusal
    assert "sudo apparmor_parser -r /etc/apparmor.d/bwrap" in refusal
    assert "sysctl" not in refusal
    assert "python" not in refusal


def test_a_kernel_without_user_namespaces_is_answered_by_its_switch(tmp_path: Path) -> None:
    off = explain(REFUSED[2], kernel=machine(tmp_path, apparmor="0", clone="0"))

    assert "sudo sysctl kernel.unprivileged_userns_clone=1" in str(off)


def test_a_limit_of_no_user_namespaces_is_answered_by_a_limit(tmp_path: Path) -> None:
    none = explain(REFUSED[3], kernel=machine(tmp_path, clone="1", most="0"))

    assert "sudo sysctl user.max_user_namespaces=15000" in str(none)


def test_where_no_switch_says_why_it_may_be_a_container(tmp_path: Path) -> None:
    refusal = explain(REFUSED[2], kernel=machine(tmp_path, apparmor="0", clone="1", most="63000"))

    root = "--user 1000:1000 " if os.geteuid() == 0 else ""
    assert f"start it with: {root}--security-opt seccomp=unconfined" in str(refusal)
    assert str(refusal).endswith("--security-opt systempaths=unconfined")
    assert "--sandbox container" in str(refusal)
