"""Remove whatever a program has made, however deep it is and whatever rights were taken from it.

Standard library only, any Python from 3.8 on: Docker's backend has it inside.
"""

import errno
import os
import stat

from sandbox.files.resolve_beneath import FOLDER, is_attached


def remove_from(folder: int, name: str) -> bool:
    """Remove one name from an open folder, with all that is below it; nothing is followed.

    What is mounted there stays, and so do the folders that hold it: whether nothing did.
    """
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            os.unlink(name, dir_fd=folder)
            return True
        if is_attached(folder, name):
            return False
    except FileNotFoundError:
        return True
    some_stay = False
    # A tree can be deeper than paths and descriptors reach, so its folders are moved up, one by one.
    waiting = [name]
    while waiting:
        top = waiting[-1]
        _make_open_to_us(folder, top)
        inner = os.open(top, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        stays = False
        try:
            with os.scandir(inner) as entries:
                for number, entry in enumerate(list(entries)):
                    if entry.is_dir(follow_symlinks=False) and is_attached(inner, entry.name):
                        stays = True
                    elif entry.is_dir(follow_symlinks=False):
                        moved = f".removed-{len(waiting)}-{number}-{os.urandom(4).hex()}"
                        _make_open_to_us(inner, entry.name)
                        try:
                            os.rename(entry.name, moved, src_dir_fd=inner, dst_dir_fd=folder)
                            waiting.insert(0, moved)
                        except OSError as error:
                            if error.errno != errno.EXDEV:
                                raise
                            # A folder below a layer is never moved, and never deep (`layering.py`).
                            stays = not remove_from(inner, entry.name) or stays
                    else:
                        os.unlink(entry.name, dir_fd=inner)
        finally:
            os.close(inner)
        if not stays:
            os.rmdir(top, dir_fd=folder)
        some_stay = some_stay or stays
        waiting.remove(top)
    return not some_stay


def _make_open_to_us(folder: int, name: str) -> None:
    """A program may have taken its own rights from a folder; we have the same uid and give them back."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.chmod(f"/proc/self/fd/{descriptor}", 0o700)
    finally:
        os.close(descriptor)
