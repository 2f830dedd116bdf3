"""Files that `--show` and `--add-dir` add: ignored ones, and other folders."""

import os
from math import ceil
from pathlib import Path

from coder.context.secrecy import is_secret
from coder.errors import UsageError
from coder.run.settings import Settings
from coder.workspace.overlay import place_in, shown_files
from sandbox import Policy

_NO_SECRETS = frozenset({".git", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store"})
"""Folders that are never shown. A `.git` inside a shown folder holds no more than its files did."""


def with_shown(policy: Policy, settings: Settings, root: Path | None) -> Policy:
    """Add folders of `--show` and `--add-dir`. Raises UsageError: not there, outside, or with keys."""
    if settings.show and (root is None or not root.is_dir()):
        raise UsageError("--show is about files of a folder: name it as PATH.")
    if len(settings.beside) < len(settings.add_dirs):
        raise UsageError("--add-dir: two folders have the same name, by which programs find them.")
    for folder in settings.beside.values():
        if not folder.is_dir():
            raise UsageError(f"--add-dir: there is no folder {folder}.")
        if Path.home().resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"--add-dir: {folder} holds your home folder. Name what is needed of it.")
        _see_no_secrets(folder.resolve(), "--add-dir")
    places = {path: place_in(root, path) for path in settings.show} if root is not None else {}
    folders = {path: place for path, place in places.items() if place.is_dir()}
    for folder in folders.values():
        _see_no_secrets(folder, "--show")
    size = sum(map(len, shown_files(root, settings.show).values())) if root is not None else 0
    return policy.model_copy(
        update={
            "folders": {**policy.folders, **folders},
            "beside": {**policy.beside, **settings.beside},
            "disk_mb": policy.disk_mb + ceil(size / (1 << 20)),
        }
    )


def _see_no_secrets(folder: Path, flag: str) -> None:
    if hidden := sorted(_NO_SECRETS & set(folder.parts)):
        raise UsageError(f"{flag}: {folder} lies in {hidden[0]}, which may hold keys.")
    for base, folders, names in os.walk(folder):
        found = next((name for name in names if is_secret(name)), None)
        found = found or next((name for name in folders if name in _NO_SECRETS - {".git"}), None)
        if found is not None:
            raise UsageError(
                f"{flag}: {folder} holds {os.path.relpath(f'{base}/{found}', folder)}, which may hold keys. "
                "Name what is needed by itself: --show takes a file that is named exactly."
            )
