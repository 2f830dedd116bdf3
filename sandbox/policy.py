"""What programs may use: one frozen Policy for the sandbox, Limits for one run."""

import os
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, field_validator

from sandbox.program import Environment
from sandbox.result import Value

OWN_NAMES = frozenset(
    "bin boot dev etc lib lib32 lib64 libx32 opt proc run sbin sys tmp usr var w".split()  # noqa: SIM905
)
"""Names at the root of a sandbox that aren't the workspace's."""
AskHost = Callable[[str, int], Awaitable[bool]]
"""Decides whether programs may reach a host at a port."""


class Limits(Value):
    """What one run may use. Fields that are None default to the policy's values."""

    wall_s: float | None = Field(default=None, gt=0, le=86_400)
    cpu_s: float | None = Field(default=None, gt=0, le=86_400)
    memory_mb: int | None = Field(default=None, ge=16, le=1 << 20)
    processes: int | None = Field(default=None, ge=1, le=1 << 16)
    output_bytes: int | None = Field(default=None, ge=1, le=1 << 30)
    behind: bool = False
    """Whether to run at the lowest priority on the machine."""
    stdout_bytes: int | None = Field(default=None, ge=1, le=1 << 30)
    """Limit for stdout alone; `output_bytes` then limits stderr, and `truncated` refers to stdout."""


class Policy(Value):
    """What every program of one sandbox may use. The default is for untrusted code."""

    network: Literal["none"] | tuple[str, ...] = "none"
    """`none`, or the hosts that programs may reach through a proxy: `HOST`, `HOST:PORT`, `*.NAME`, or
    `registries`, those of the usual package indexes."""
    ask_host: AskHost | None = Field(default=None, exclude=True)
    """Called for hosts that `network` doesn't name; never called on backends without a proxy."""
    masks: Any = Field(default=None, exclude=True, repr=False)
    """`sandbox.network.masked_exchange.Masks`: secrets that the proxy puts into requests to their hosts."""
    memory_mb: int = Field(default=512, ge=16, le=1 << 20)
    processes: int = Field(default=128, ge=1, le=1 << 16)
    wall_s: float = Field(default=10.0, gt=0, le=86_400)
    cpu_s: float = Field(default=10.0, gt=0, le=86_400)
    output_bytes: int = Field(default=1 << 20, ge=1, le=1 << 30)
    disk_mb: int = Field(default=256, ge=1, le=1 << 20)
    files: int = Field(default=16_384, ge=16, le=1 << 24)
    open_files: int = Field(default=256, ge=16, le=1 << 16)
    environment: Environment = Field(default_factory=dict)
    kernel: bool = False
    """Show the packages of a Jupyter kernel to an interpreter that has none; `open_kernel` sets it."""
    image: str | None = None
    """Image of the Docker backend; None for the image that `coder sandbox build` makes. The path of an
    archive (`docker save IMAGE > FILE.tar`) is for bubblewrap: programs see the image's system, and
    `python` is ignored."""
    runtime: str | None = None
    """Runtime of the Docker engine, such as `runsc`; None for the engine's default."""
    cpus: float | None = Field(default=None, gt=0, le=1024)
    """Processors that a program may keep busy; None for all of them."""
    folders: dict[str, Path] = Field(default_factory=dict)
    """Folders of this machine by path in the workspace, such as `node_modules`; programs see them read-only.
    They aren't part of the workspace: never listed, written or removed."""
    beside: dict[str, Path] = Field(default_factory=dict)
    """Folders of this machine by name in `/opt/shown`, where they are shown read-only."""
    on_path: tuple[str, ...] = ()
    """Folders in the sandbox at the front of PATH, such as `/opt/shown/go/bin`."""
    layered: tuple[str, ...] = ()
    """Shown folders that runs and sessions may write to, in a layer discarded with each: paths of `folders`,
    names of `beside`, and `/opt/venv`, the interpreter's virtual environment. Only bubblewrap with nested
    namespaces has layers; elsewhere these folders are read-only."""
    copy_of: Path | None = None
    """Folder of this machine of which the workspace is a copy: where the interpreter's packages name it, as
    an editable install does, bubblewrap has them name the workspace."""
    at_root: tuple[str, ...] = ()
    """Folders of the workspace that also appear at the root, as `logs` at `/logs`; bubblewrap only."""
    python: Path | None = None
    """Interpreter of the programs; None for the base interpreter of this process."""
    preload: tuple[str, ...] = ()
    """Modules that bubblewrap's server imports once, so that `PythonCode` finds them imported. Only for an
    interpreter whose packages are trusted like its standard library."""
    in_place: Path | None = None
    """Folder of this machine that is the workspace itself. Programs write to the file system of the
    container around this process, with the caller's rights; only the backend `container` supports it."""
    strict: bool = False
    """Refuse to open if a guarantee isn't enforced, or only sampled."""

    @property
    def has_archive(self) -> bool:
        """Whether the image is an archive that bubblewrap unpacks."""
        return self.image is not None and self.image.endswith(".tar")

    @property
    def has_proxy(self) -> bool:
        """Whether programs may reach some host, or `ask_host` may allow one."""
        return self.network != "none" or self.ask_host is not None

    @field_validator("folders")
    @classmethod
    def _check_folders(cls, folders: dict[str, Path]) -> dict[str, Path]:
        for place, folder in folders.items():
            if PurePosixPath(place).as_posix() != place or {"", ".", ".."} & set(place.split("/")):
                raise ValueError(f"{place!r} is no plain path in a workspace")
            if not folder.is_absolute():
                raise ValueError(f"{str(folder)!r} is no absolute path")
            if any(other.startswith(f"{place}/") for other in folders):
                raise ValueError(f"something is shown inside of {place!r}")
            if list(folders.values()).count(folder) > 1:
                raise ValueError(f"{str(folder)!r} is shown at two places")
        return folders

    @field_validator("at_root")
    @classmethod
    def _check_at_root(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII) or name in OWN_NAMES:
                raise ValueError(f"/{name} is no plain name, or the sandbox's own")
        return names

    @field_validator("in_place")
    @classmethod
    def _check_in_place(cls, folder: Path | None) -> Path | None:
        if folder is not None and not folder.is_absolute():
            raise ValueError(f"{str(folder)!r} is no absolute path")
        return folder

    @field_validator("beside")
    @classmethod
    def _check_beside(cls, beside: dict[str, Path]) -> dict[str, Path]:
        for name, folder in beside.items():
            if not re.fullmatch(r"[\w-][\w.-]*", name, re.ASCII) or not folder.is_absolute():
                raise ValueError(f"{name!r}: no plain name, or {str(folder)!r} is no absolute path")
        return beside

    @field_validator("network")
    @classmethod
    def _check_network(cls, network: Literal["none"] | tuple[str, ...]) -> Literal["none"] | tuple[str, ...]:
        if network == "none" or not network:
            return "none"
        from sandbox.network.allowed_hosts import parse_hosts

        parse_hosts(network)
        return network


def session_policy(**overrides: object) -> Policy:
    """Return a policy for building and testing a project; `overrides` replaces fields."""
    half_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 21
    defaults = {
        "memory_mb": min(4096, half_mb),
        "disk_mb": 4096,
        "files": 500_000,
        "processes": 512,
        "open_files": 4096,
        "wall_s": 120.0,
        "cpu_s": 86_400.0,
    }
    return Policy.model_validate({**defaults, **overrides})


OTHER_SANDBOXES = "other sandboxes"
"""Guarantee that programs can't reach programs of other sandboxes; only backends without it list it."""


class Capability(Value):
    """One guarantee and the mechanism that enforces it here, or None if there is none."""

    guarantee: str
    mechanism: str | None
    sampled: bool = False
    """Whether it is only sampled, so that a brief excess can go unnoticed."""

    @property
    def enforcement(self) -> Literal["enforced", "sampled", "none"]:
        """How it is enforced; a strict policy requires `enforced` for every guarantee."""
        if self.mechanism is None:
            return "none"
        return "sampled" if self.sampled else "enforced"


def keeps_apart(capabilities: Iterable[Capability]) -> bool:
    """Whether programs can't reach those of other sandboxes; otherwise verdicts are at most `inside`."""
    return all(each.guarantee != OTHER_SANDBOXES or each.mechanism for each in capabilities)
