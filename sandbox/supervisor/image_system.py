"""Describe the system of an unpacked image: its Python, and the folders that programs see.

The image is untrusted: a path in it is resolved within it, and a folder that is a link is shown as the link.
"""

import json
import os
from pathlib import Path

from sandbox.errors import PolicyUnmet
from sandbox.files.resolve_beneath import FOLDER, IN_ROOT, resolve_in
from sandbox.files.root_folder import VARIABLES
from sandbox.interpreter.interpreter import OLDEST, Interpreter, find_version
from sandbox.supervisor.outer_wall import System

_FOLDERS = ("/usr/local/bin", "/usr/bin")
_OWN_VARIABLES = ("PATH", "HOME", "USER", "LD_PRELOAD", "VIRTUAL_ENV")
"""Variables that the sandbox sets itself, or that would reach into the server that starts programs."""
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_RESERVED = ("lib", "python", "venv", "bin", "kernel", "shown")
"""Names in /opt of the sandbox's own folders."""
_MAX_CACHE = 4 << 20
_MAX_ALTERNATIVES = 2_000


def image_system(root: Path) -> System:
    """Return what programs see of an unpacked image.

    Raises:
        PolicyUnmet: programs would miss a part of its system.
    """
    folders = {str(root / "usr"): "/usr"}
    links: dict[str, str] = {}
    for name in ("usr", *_LINKS):
        path = root / name
        if path.is_symlink() and name != "usr":
            links[f"/{name}"] = os.readlink(path)
        elif name == "usr" and not _is_folder(path):
            raise PolicyUnmet("The image has no /usr.")
        elif name != "usr" and path.exists():
            raise PolicyUnmet(
                f"The image's /{name} is a folder of its own, as in Alpine. Bubblewrap shows images whose "
                f"/{name} is a link into /usr, as in Debian, Ubuntu and Fedora. Use it by: --sandbox docker"
            )
    if _is_folder(root / "opt"):
        for entry in os.scandir(root / "opt"):
            if entry.is_dir(follow_symlinks=False) and _is_free(entry.name):
                folders[entry.path] = f"/opt/{entry.name}"
    variables = {name: value for name, value in _variables(root).items() if name not in _OWN_VARIABLES}
    return System(
        folders, links, _alternatives(root), _library_cache(root), variables, _path_folders(root), root.name
    )


def image_interpreter(root: Path) -> Interpreter:
    """Return the Python of an unpacked image. Raises PolicyUnmet if the sandbox can use none in it."""
    for folder in (*_path_folders(root), *_FOLDERS):
        executable = _resolve(root, f"{folder}/python3")
        if executable is None:
            continue
        try:
            version = find_version(executable)
        except ValueError:
            continue
        if version >= OLDEST:
            return Interpreter(executable, executable, version, _venv(root, folder), system=root)
    raise PolicyUnmet(
        "The image has no python3 of 3.8 or newer in /usr/bin or /usr/local/bin, which starts programs."
    )


def _resolve(root: Path, place: str) -> Path | None:
    """Return the regular file that a path leads to within the root; None if there is none."""
    folder = os.open(root, FOLDER)
    try:
        descriptor = resolve_in(folder, place, os.O_PATH | os.O_CLOEXEC, IN_ROOT)
    except OSError:
        return None
    finally:
        os.close(folder)
    try:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    finally:
        os.close(descriptor)
    is_inside = path.is_relative_to(root.resolve() / "usr") and path.name.startswith("python")
    return root / path.relative_to(root.resolve()) if is_inside and path.is_file() else None


def _venv(root: Path, folder: str) -> Path | None:
    """Return the virtual environment on the host that a folder of commands belongs to, or None."""
    venv = root / os.path.dirname(folder).lstrip("/")
    is_plain = _is_folder(venv) and venv.resolve() == root.resolve() / venv.relative_to(root)
    settings = venv / "pyvenv.cfg"
    return venv if is_plain and settings.is_file() and not settings.is_symlink() else None


def _variables(root: Path) -> dict[str, str]:
    variables: dict[str, str] = json.loads((root / VARIABLES).read_text())
    return variables


def _path_folders(root: Path) -> tuple[str, ...]:
    """Return the folders of the image's PATH that are plain and absolute."""
    folders = _variables(root).get("PATH", "").split(":")
    return tuple(folder for folder in folders if folder.startswith("/") and ".." not in folder.split("/"))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_free(name: str) -> bool:
    return name not in _RESERVED and not name.startswith(("site", "attached"))


def _alternatives(root: Path) -> dict[str, str]:
    """Return the links of Debian's alternatives, such as awk."""
    folder = root / "etc" / "alternatives"
    if not (_is_folder(root / "etc") and _is_folder(folder)):
        return {}
    entries = sorted(folder.iterdir())[:_MAX_ALTERNATIVES]
    return {f"/etc/alternatives/{entry.name}": os.readlink(entry) for entry in entries if entry.is_symlink()}


def _library_cache(root: Path) -> dict[str, bytes]:
    """Return the file in which the loader finds libraries outside of the usual folders."""
    path = root / "etc" / "ld.so.cache"
    if not _is_folder(root / "etc") or path.is_symlink() or not path.is_file():
        return {}
    content = path.read_bytes() if path.stat().st_size <= _MAX_CACHE else b""
    return {"/etc/ld.so.cache": content} if content else {}
