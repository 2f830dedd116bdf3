"""A virtual environment as bubblewrap alone can show it: itself, with a folder of commands over its own."""

import os

from sandbox.inner.walls.new_root import patch_venv


def show_venv(source: str, folder: str, *, shown: str, executable: str) -> list[str]:
    """What bubblewrap is told so that nothing of the environment names places on the host.

    Args:
        source: the environment.
        folder: made here, for what is rewritten.
        shown: where programs see the environment.
        executable: the base interpreter, as programs see it.
    """
    os.makedirs(f"{folder}/bin", mode=0o755)
    patch_venv(executable, source=source, target=folder)
    rewritten = set(os.listdir(f"{folder}/bin"))
    words = ["--ro-bind", f"{folder}/pyvenv.cfg", f"{shown}/pyvenv.cfg"]
    words += ["--ro-bind", f"{folder}/bin", f"{shown}/bin"]
    for entry in os.scandir(f"{source}/bin"):
        if entry.name not in rewritten and entry.is_file(follow_symlinks=False):
            with open(f"{folder}/bin/{entry.name}", "xb"):
                words += ["--ro-bind", entry.path, f"{shown}/bin/{entry.name}"]
    return words
