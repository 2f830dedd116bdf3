"""Folders of a sandbox that has a starter: those that its runs share, and those of each run.

Under root they lie in a mount namespace of the starter, and workspaces have a size limit.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from sandbox.files.workspace import Workspace
from sandbox.inner.walls.new_root import patch_packages, patch_venv, protect_device
from sandbox.inner.walls.places import ATTACHED, KERNEL, PYTHON, SITE, VENV
from sandbox.inner.walls.syscalls import MNT_DETACH, MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY, libc, mount
from sandbox.supervisor.launch import bind_privately

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
"""The host's devices that bubblewrap shows."""
_PRIVATE = "/tmp/base"
"""Root's files: a tmpfs in the starter's mount namespace."""


class Folders:
    """Create and remove the starter's folders."""

    def __init__(self, plan: "dict[str, Any]", walls: "dict[str, Any]") -> None:
        """`plan`: a ChildPlan as data (`starting.py`); `walls`: settings of all runs."""
        self._plan, self._walls = plan, walls
        self._uid: int = plan["uid"]
        self.private: bool = plan["private"]
        self.shown: dict[str, str] = dict(plan["folders"])
        """Path on the host → path inside."""
        if self.private:
            private_folders = bind_privately(plan["folders"])
            self.shown = {_hide_source_path(place): target for place, target in private_folders.items()}
            if "devices" not in walls["without"]:
                _protect_devices()
        self.base = _PRIVATE if self.private else plan["base"]
        self.are_ours = os.getuid() == self._uid
        """Whether programs have our uid, and may remove our permissions on folders."""
        self.binds: list[str] = []
        """Bubblewrap's arguments for the shared folders."""

    def prepare(self) -> int:
        """Create the shared folders; return a descriptor of the persistent workspace."""
        os.mkdir(self.base, 0o711)
        for path, content in self._plan["files"].items():
            place = Path(self.base + path)
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            if content is None:
                place.mkdir(mode=0o755)
            else:
                place.write_bytes(content)
        for path, target in self._plan["links"].items():
            Path(self.base + path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            os.symlink(target, self.base + path)
        for source, target in self.shown.items():
            self.binds += self._show_arguments(source, target)
        venv = self._plan["venv"]
        if venv is not None:
            source = next(place for place, target in self.shown.items() if target == venv)
            self.binds += show_venv(source, f"{self.base}/venv", target=venv, executable=self._plan["python"])
        for source, target in self.shown.items():
            if target in (PYTHON, VENV):
                self.binds += self._patch_arguments(source, target)
        if self._plan["in_place"]:
            return os.open(self._plan["in_place"], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._make_workspace("w")

    def _show_arguments(self, source: str, target: str) -> list[str]:
        if not target.startswith(SITE):
            return ["--ro-bind", source, target]
        names = sorted(set(os.listdir(source)) & set(self._plan["packages"]))
        return [word for name in names for word in ("--ro-bind", f"{source}/{name}", f"{KERNEL}/{name}")]

    def _patch_arguments(self, source: str, target: str) -> list[str]:
        """Build arguments that show files of packages with paths inside instead of the host's."""
        folder = f"{self.base}/patched{target}"
        patched = patch_packages(source, folder, self._plan["moved"])
        return [word for path in patched for word in ("--ro-bind", f"{folder}/{path}", f"{target}/{path}")]

    def make(self, name: str, *, fresh: bool) -> None:
        """Create one run's folders. Raises OSError if a program meanwhile removes our permissions on them."""
        if self.are_ours:
            os.chmod(self.base, 0o711)
        os.mkdir(f"{self.base}/{name}", 0o711)
        if self.private or self._plan["bwrap"] is None:
            for place in ("w", "tmp") if fresh else ("tmp",):
                os.close(self._make_workspace(f"{name}/{place}"))

    def _make_workspace(self, name: str) -> int:
        """Create a folder owned by the sandbox's uid; under root with limits on size and files."""
        place = f"{self.base}/{name}"
        os.mkdir(place, 0o700)
        if self.private:
            mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, self._options())
        if os.getuid() == 0:
            os.chown(place, self._uid, self._uid)
        return os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _options(self) -> str:
        """Mount options of a workspace's tmpfs."""
        without = self._walls["without"]
        options = [] if "disk" in without else [f"size={self._walls['disk_bytes']}"]
        options += [] if "files" in without else [f"nr_inodes={self._walls['files']}"]
        return ",".join([*options, "mode=700"])

    def try_remove(self, folder: str) -> bool:
        """Remove the folder of a finished run; return False while the host still reads its files."""
        self._empty(f"{folder}/tmp")
        for name in ("w", "tmp"):
            if self.private:
                libc.umount2(f"{folder}/{name}".encode(), MNT_DETACH)
            try:
                os.rmdir(f"{folder}/{name}")
            except FileNotFoundError:
                continue
            except OSError:
                return False
        os.rmdir(folder)
        return True

    def end(self, runs: "list[str]") -> None:
        """Remove everything; `runs` are the folders of remaining runs."""
        if self.are_ours:
            self._empty(self.base)
            os.rmdir(self.base)
        elif not self.private:
            for folder in runs:
                for name in ("w", "tmp"):
                    self._empty(f"{folder}/{name}")
            self._empty(f"{self.base}/w")
            shutil.rmtree(self.base)

    def _empty(self, folder: str) -> None:
        """Empty a folder, accessed with the sandbox's uid."""
        if os.path.isdir(folder):
            root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            workspace = Workspace(root, self._uid)
            workspace.remove(".")
            workspace.close()

    def wall(self, folder: str, workspace: str, *, fresh: bool) -> "list[str]":
        """Build bubblewrap's arguments for one run, argv[0] first; `fresh`: with a workspace of its own."""
        size_arguments = (
            [] if "disk" in self._walls["without"] else ["--size", str(self._walls["disk_bytes"])]
        )
        shared = str(self._walls["shared_memory_bytes"])
        workspace_arguments, tmp_arguments = ["--bind", workspace, "/w"], ["--bind", f"{folder}/tmp", "/tmp"]
        if not self.private:
            tmp_arguments = ["--perms", "1777", *size_arguments, "--tmpfs", "/tmp"]
            workspace_arguments = (
                ["--perms", "0700", *size_arguments, "--tmpfs", "/w"] if fresh else workspace_arguments
            )
        return [
            self._plan["name"],
            *self._plan["before"],
            *self.binds,
            *("--ro-bind", f"{self.base}/opt/lib", "/opt/lib", "--ro-bind", f"{self.base}/etc", "/etc"),
            *self._plan["after"],
            *tmp_arguments,
            *("--perms", "1777", "--size", shared, "--tmpfs", "/dev/shm"),
            *workspace_arguments,
            *self._attach_arguments(workspace),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"),
        ]

    def _attach_arguments(self, workspace: str) -> "list[str]":
        """Build arguments that show the host's folders in the workspace; skip paths behind a symlink."""
        sources = {target: source for source, target in self.shown.items()}
        arguments = []
        for number, place in enumerate(self._plan["attached"]):
            parts = place.split("/")
            prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
            if not any(os.path.islink(f"{workspace}/{parent}") for parent in prefixes):
                arguments += ["--ro-bind", sources[f"{ATTACHED}{number}"], f"/w/{place}"]
        return arguments


def _protect_devices() -> None:
    """Mount the host's devices read-only in our mount namespace, from which runs inherit them."""
    for path in filter(os.path.exists, (f"/dev/{name}" for name in _DEVICES)):
        mount(path, path, None, MS_BIND)
        protect_device(path)


def _hide_source_path(place: str) -> str:
    """Show the folder through an overlay, so that the mount table doesn't contain its path."""
    empty, overlay = f"{place}-empty", f"{place}-shown"
    for folder in (empty, overlay):
        os.mkdir(folder, 0o755)
    try:
        mount("overlay", overlay, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, f"lowerdir={place}:{empty}")
    except OSError:
        return place  # without overlays the mount table shows the path
    return overlay


def show_venv(source: str, folder: str, *, target: str, executable: str) -> list[str]:
    """Build bubblewrap's arguments that show a virtual environment without paths of the host.

    Args:
        folder: New folder for the rewritten files.
        target: Path of the environment inside.
        executable: Path of the base interpreter inside.
    """
    os.makedirs(f"{folder}/bin", mode=0o755)
    patch_venv(executable, source=source, target=folder)
    patched_names = set(os.listdir(f"{folder}/bin"))
    arguments = ["--ro-bind", f"{folder}/pyvenv.cfg", f"{target}/pyvenv.cfg"]
    arguments += ["--ro-bind", f"{folder}/bin", f"{target}/bin"]
    for entry in os.scandir(f"{source}/bin"):
        if entry.name not in patched_names and entry.is_file(follow_symlinks=False):
            with open(f"{folder}/bin/{entry.name}", "xb"):
                arguments += ["--ro-bind", entry.path, f"{target}/bin/{entry.name}"]
    return arguments
