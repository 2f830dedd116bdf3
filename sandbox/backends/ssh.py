"""The `ssh` backend: programs run in bubblewrap on a Linux host, which needs bubblewrap and Python 3.8.

Nothing is installed there: `ssh HOST` starts bubblewrap with an agent as pid 1, which gets its code over the
connection, and ends with it. CODER_SSH may name another command than `ssh`, with options.
"""

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.errors import BackendMissing
from sandbox.host.capabilities import as_capabilities, reaching, refuse_folders
from sandbox.policy import Capability, Policy
from sandbox.stream.booting import BOOT, CODE, SHARED, TEMPORARY, WORKSPACE, agent_settings
from sandbox.stream.holder import Holder, boot_agent
from sandbox.stream.link import Link
from sandbox.stream.process_stream import start_process
from sandbox.stream.stream_sandbox import StreamSandbox, open_places

if TYPE_CHECKING:
    from sandbox.network.outside_lookup import Outside

COMMAND = "CODER_SSH"
_OPTIONS = ("-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4")
_HOST = re.compile(r"[\w\[][\w.:@\[\]-]*")
_STEP_DOWN = """\
if [ "$(id -u)" = 0 ]; then set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; fi
exec "$@"
"""
"""Script that drops root to nobody first, as the process limit of root isn't enforced."""
_NEEDS = (
    "The host needs bubblewrap that may make user namespaces, and Python 3.8 or newer as /usr/bin/python3."
)
_SHARED_MB = 64
_ETC = ("ld.so.cache", "alternatives")


def open_ssh(
    policy: Policy,
    *,
    host: str = "",
    without: frozenset[str] = frozenset(),
    outside: "Outside | None" = None,
) -> AbstractAsyncContextManager[StreamSandbox]:
    """Open a sandbox on a host for a `with` block; other arguments as for `open_bubblewrap`.

    Raises:
        BackendMissing: the host can't be reached, or lacks bubblewrap, namespaces or Python.
        PolicyUnmet: the policy asks for a guarantee that can't be enforced there.
        ValueError: no host is named, or the name is invalid.
    """
    refuse_no_host(host)
    refuse_folders(policy, "ssh")
    open_one, kept_by = partial(open_agent, policy, host, without), partial(capabilities, policy)
    return open_places("ssh", None, policy, open_one, kept_by, without=without, outside=outside)


def refuse_no_host(name: str) -> None:
    """Raise ValueError if this isn't a valid host name."""
    if not _HOST.fullmatch(name):
        raise ValueError(f"{name!r} is no host: name it, such as --sandbox ssh:user@host.")


async def open_agent(policy: Policy, host: str, without: frozenset[str]) -> Holder:
    """Start an agent on a host; end it on failure or cancellation. Raises BackendMissing."""
    command = (*shlex.split(os.environ.get(COMMAND, "ssh")), *_OPTIONS, "--", host)
    try:
        stream = await start_process((*command, shlex.join(remote_command(policy))))
    except OSError as error:
        raise BackendMissing(f"ssh could not be started: {error.strerror}. Install an ssh client.") from error
    link = Link(stream)
    stream.begin()
    settings = {**agent_settings(policy, uid=None, without=without, landlock=99), "memfd": False}
    facts = await boot_agent(link, settings, stream.wait, needs=_NEEDS)
    environment = {"PATH": str(facts["path"]), "HOME": WORKSPACE, "LANG": "C.UTF-8", "USER": "sandbox"}
    return Holder(link, facts, environment, without, stream.wait)


def remote_command(policy: Policy) -> tuple[str, ...]:
    """Return bubblewrap's command line on the host, with the agent as pid 1."""
    size = str(policy.disk_mb << 20)
    rooms = ((WORKSPACE, size), (TEMPORARY, size), (SHARED, str(_SHARED_MB << 20)), (CODE, str(16 << 20)))
    links = ("bin", "sbin", "lib", "lib64")
    return (
        *("env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "sh", "-c", _STEP_DOWN, "sh"),
        *("bwrap", "--as-pid-1"),
        *(
            "--unshare-all",
            "--die-with-parent",
            "--new-session",
            "--cap-drop",
            "ALL",
            "--hostname",
            "sandbox",
        ),
        *("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"),
        *(word for name in links for word in ("--symlink", f"usr/{name}", f"/{name}")),
        *(
            word
            for path in _ETC + (("ssl/certs",) if policy.has_proxy else ())
            for word in _shown(f"/etc/{path}")
        ),
        *(word for folder, room in rooms for word in ("--size", room, "--tmpfs", folder)),
        *("--remount-ro", "/", "--chdir", "/", "--", "/usr/bin/python3", "-I", "-S", "-c", BOOT),
    )


def _shown(path: str) -> tuple[str, str, str]:
    return "--ro-bind-try", path, path


def capabilities(policy: Policy, facts: Mapping[str, Any]) -> tuple[Capability, ...]:
    """Return the guarantees on a host with their mechanisms."""
    landlock = f" and Landlock (ABI {facts['landlock']})" if facts["landlock"] >= 2 else ""
    kept = {
        "memory": "RLIMIT_DATA per process",
        "processes": "RLIMIT_NPROC in a user namespace",
        "cpu time": "RLIMIT_CPU per process, and the wall time of the run",
        "wall time": "the agent ends a run's processes; the connection's end ends all",
        "output": "the host reads a bounded part and ends a flood",
        "disk": "tmpfs with a size",
        "files": None,
        "network": reaching("a network namespace with loopback only", policy),
        "host files": f"a root of its own by bubblewrap{landlock}",
        "environment": "a clean one",
        "other runs": f"one bubblewrap for each fresh run; others one after the other{landlock}",
        "nothing left": "the agent is pid 1, and ends with its connection",
        "privileges": "no capabilities, no_new_privs, a user namespace",
        "system calls": "seccomp allow-list",
    }
    return as_capabilities(kept, {"memory"})
