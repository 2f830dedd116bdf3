"""Build the programs' root directory, which reveals no paths of the host.

A bind mount's source appears in /proc/self/mountinfo, so folders are shown through an overlay, and the outer
root is left by pivot_root.
"""

from __future__ import annotations

import os
import re
import stat

from sandbox.inner.walls.places import ATTACHED, COMMANDS, CONTAINER_MARK, KERNEL, PYTHON, SHOWN, SITE, VENV
from sandbox.inner.walls.syscalls import (
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    checked,
    libc,
    mount,
    number_of,
)

_NEW, _PATCH = "/run/new", "/run/patch"
_LONGEST_SCRIPT = 1 << 20


def build_root(
    executable: str,
    hidden: list[str],
    *,
    workspace: str,
    workspace_options: str,
    kernel: list[str],
    system: list[str],
    moved: dict[str, str],
    devices_stay: bool,
) -> None:
    """Build the new root, mount the workspace in it, and leave the old root for good.

    Args:
        executable: The base interpreter.
        hidden: Folders of the host to hide.
        kernel: Packages to show in KERNEL.
        system: Folders of an image, instead of the host's.
        moved: Paths inside of what files of packages may name, by paths of the host.
        devices_stay: Mount devices read-only.
    """
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for folder in (_NEW, f"{_PATCH}/empty", f"{_PATCH}/venv/bin"):
        os.makedirs(folder)
    mount("tmpfs", _NEW, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for entry in os.scandir("/"):
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), _NEW + entry.path)
    for folder in ("/run", "/var", "/tmp", "/opt", workspace):
        os.mkdir(_NEW + folder, 0o755)
    os.close(os.open(_NEW + CONTAINER_MARK, os.O_CREAT | os.O_WRONLY, 0o644))
    for folder in ("/usr", "/etc", "/dev", "/proc", "/lib", "/lib64", "/bin", "/sbin", "/opt/lib"):
        if folder not in system and os.path.isdir(folder) and not os.path.islink(folder):
            os.mkdir(_NEW + folder, 0o755)
            mount(folder, _NEW + folder, None, MS_BIND | MS_REC)
    if devices_stay:
        protect_devices(f"{_NEW}/dev")
    if os.path.isdir(PYTHON):
        is_patched = patch_packages(PYTHON, f"{_PATCH}/python", moved)
        _mount_layers(PYTHON, [f"{_PATCH}/python", PYTHON] if is_patched else [PYTHON, f"{_PATCH}/empty"])
    if os.path.isdir(VENV):
        patch_venv(executable, source=VENV, target=f"{_PATCH}/venv")
        patch_packages(VENV, f"{_PATCH}/venv", moved)
        _mount_layers(VENV, [f"{_PATCH}/venv", VENV])
    if kernel:
        _show_kernel_packages(frozenset(kernel))
    places = [f"/opt/{name}" for name in os.listdir("/opt") if f"/opt/{name}".startswith(ATTACHED)]
    if os.path.isdir(SHOWN):
        os.mkdir(_NEW + SHOWN, 0o755)
        places += [f"{SHOWN}/{name}" for name in os.listdir(SHOWN)]
    for place in sorted([*places, *system]):
        _mount_layers(place, [place, f"{_PATCH}/empty"])
    _name_commands(executable)
    for folder in hidden:
        mount(
            "tmpfs", _NEW + folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k,nr_inodes=2,mode=755"
        )
    mount("tmpfs", _NEW + workspace, "tmpfs", MS_NOSUID | MS_NODEV, workspace_options)
    _enter()


def protect_devices(folder: str) -> None:
    """Mount devices read-only, so that no program sets the times of the host's nodes; writes still work."""
    for entry in os.scandir(folder):
        if stat.S_ISCHR(entry.stat(follow_symlinks=False).st_mode):
            protect_device(entry.path)


def protect_device(path: str) -> None:
    """Mount one device read-only."""
    flags = os.statvfs(path).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)  # the kernel requires them to stay
    mount("none", path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def _show_kernel_packages(shown_names: frozenset[str]) -> None:
    """Show the packages of a kernel; a character device 0:0 in the upper layer hides each other one."""
    sites = sorted(f"/opt/{name}" for name in os.listdir("/opt") if f"/opt/{name}".startswith(SITE))
    hiding = f"{_PATCH}/kernel"
    os.mkdir(hiding)
    for name in {name for site in sites for name in os.listdir(site)} - shown_names:
        os.mknod(f"{hiding}/{name}", stat.S_IFCHR)
    _mount_layers(KERNEL, [hiding, *sites])


def _mount_layers(folder: str, layers: list[str]) -> None:
    """Mount layers at one path, read-only; before Linux 5.11 only the last one. Raises OSError."""
    os.mkdir(_NEW + folder, 0o755)
    try:
        mount(
            "overlay",
            _NEW + folder,
            "overlay",
            MS_RDONLY | MS_NOSUID | MS_NODEV,
            f"lowerdir={':'.join(layers)}",
        )
    except OSError:
        if layers[-1] == folder:
            raise  # a virtual environment needs its patched layer
        mount(folder, _NEW + folder, None, MS_BIND | MS_REC)


def patch_venv(executable: str, *, source: str, target: str) -> None:
    """Rewrite files of the virtual environment `source` that contain paths of the host.

    `executable` is the base interpreter inside; `target` has a folder `bin`.
    """
    version = re.findall(r"python(\d+\.\d+)", executable)
    names = {"python", "python3", *(f"python{number}" for number in version)}
    with open(f"{source}/pyvenv.cfg", encoding="utf-8", errors="replace") as file:
        settings = [
            line for line in file if re.match(r"\s*(include-system-site-packages|version\w*)\s*=", line)
        ]
    with open(f"{target}/pyvenv.cfg", "w", encoding="utf-8") as file:
        file.writelines([f"home = {os.path.dirname(executable)}\n", *settings])
    for name in names:
        os.symlink(executable, f"{target}/bin/{name}")
    for entry in os.scandir(f"{source}/bin"):
        status = entry.stat(follow_symlinks=False)
        if entry.name in names or not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_SCRIPT:
            continue
        with open(entry.path, "rb") as file:
            content = file.read()
        if content.startswith(b"#!"):
            _write_script(f"{target}/bin/{entry.name}", content, status.st_mode)


def patch_packages(source: str, target: str, moved: dict[str, str]) -> list[str]:
    """Rewrite the .pth files and editable finders of an interpreter that name paths of the host.

    Args:
        source: Root of the interpreter or its environment.
        target: Folder for the rewritten files.
        moved: Paths inside, by paths of the host, the longest first.

    Returns:
        The rewritten files, relative to both folders.
    """
    if not moved:
        return []
    named = re.compile(
        rb"(?<![\w./-])("
        + b"|".join(re.escape(os.fsencode(path)) for path in moved)
        + rb""")(?=[/'"]|\s*$)""",
        re.MULTILINE,
    )
    patched = []
    for site in _sites(source):
        for entry in os.scandir(f"{source}/{site}"):
            is_named = entry.name.endswith((".pth", "_finder.py", "_editable.py", "_editable_loader.py"))
            if not is_named or not entry.is_file(follow_symlinks=False):
                continue
            with open(entry.path, "rb") as file:
                content = file.read(_LONGEST_SCRIPT)
            rewritten = named.sub(lambda match: moved[os.fsdecode(match[1])].encode(), content)
            if rewritten != content and len(content) < _LONGEST_SCRIPT:
                os.makedirs(f"{target}/{site}", mode=0o755, exist_ok=True)
                with open(f"{target}/{site}/{entry.name}", "wb") as file:
                    file.write(rewritten)
                patched.append(f"{site}/{entry.name}")
    return patched


def _sites(root: str) -> list[str]:
    """Return the folders of packages below a root, without those that a link leads to."""
    sites = []
    for library in ("lib", "lib64"):
        for python in _names(f"{root}/{library}", prefix="python3"):
            sites += [
                f"{library}/{python}/{name}"
                for name in _names(f"{root}/{library}/{python}", suffix="-packages")
            ]
    return [
        site for site in sites if os.path.realpath(f"{root}/{site}") == f"{os.path.realpath(root)}/{site}"
    ]


def _names(folder: str, *, prefix: str = "", suffix: str = "") -> list[str]:
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [name for name in names if name.startswith(prefix) and name.endswith(suffix)]


def _write_script(path: str, content: bytes, mode: int) -> None:
    python = f"{VENV}/bin/python".encode()
    lines = content.split(b"\n", 2)
    lines[0] = re.sub(rb"\A#!.*/python[0-9.]*", b"#!" + python, lines[0])
    if len(lines) > 1:  # pip's way with long paths: a shell line that begins '''exec' "/long/path/python"
        lines[1] = re.sub(rb"""\A('''exec' )\S.*/python[0-9.]*"?""", rb"\1" + python, lines[1])
    with open(path, "wb") as file:
        file.write(b"\n".join(lines))
    os.chmod(path, mode & 0o755)


def _name_commands(executable: str) -> None:
    os.mkdir(_NEW + COMMANDS, 0o755)
    for name in ("python", "python3"):
        os.symlink(executable, f"{_NEW}{COMMANDS}/{name}")


def _enter() -> None:
    os.chdir(_NEW)
    mount("none", _NEW, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    checked(libc.syscall(number_of("pivot_root"), b".", b"."), "pivot_root")
    checked(libc.umount2(b".", MNT_DETACH), "umount the outer root")
    os.chdir("/")
