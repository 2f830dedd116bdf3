"""Images that tests build, and a small one for those that copy an image, or list changes of containers."""

import fcntl
import hashlib
import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sandbox.images.base import open_build_client
from tests.docker_engine import IMAGE

_CHANGE = r"""cd /
echo 'MADE = True' > "$(python3 -c 'import site; print(site.getsitepackages()[0])')/only_in_image.py"
find usr/share -mindepth 1 -maxdepth 1 ! -name git-core ! -name doc -exec rm -rf {} +
find usr/share/doc -mindepth 1 -maxdepth 1 ! -name bash -exec rm -rf {} +
rm -rf usr/lib/*/gconv usr/lib/*/perl* usr/lib/valgrind usr/lib/terminfo var/lib/apt var/lib/dpkg var/cache
rm -rf usr/bin/perl* usr/lib/*/libperl* usr/lib/*/libapt* usr/bin/scalar usr/bin/openssl
find usr/lib/git-core -maxdepth 1 -type f -size +1000k ! -name git -exec rm -f {} +
find . -xdev -type d \( -path "*/python3*/test" -o -name idlelib -o -name lib2to3 -o -name tests \) -prune \
    -exec rm -rf {} +
find . -xdev -path "*/site-packages/*" -prune ! -name "*pytest*" ! -name "pluggy*" ! -name "iniconfig*" \
    ! -name "packaging*" ! -name "pygments*" ! -name py.py ! -name only_in_image.py -exec rm -rf {} +
"""
_DOCKERFILE = f"""\
FROM {IMAGE} AS whole
USER root
COPY change.sh /
RUN sh /change.sh; rm /change.sh
FROM scratch
COPY --from=whole / /
CMD ["python3"]
"""
SMALL = f"coder-test-small:{hashlib.sha256(f'{_CHANGE}{_DOCKERFILE}'.encode()).hexdigest()[:12]}"
"""Holds Python, pytest, git and a shell of the image of sandboxes, and the module `only_in_image`."""


def require_small_image() -> None:
    """Build the image, once for all processes and for each image of sandboxes."""
    with Path(__file__).open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        client = open_build_client()
        try:
            base = client.images.get(IMAGE)
            images = client.images.list(SMALL)
            if not images or images[0].labels.get("base") != base.id:
                config = base.attrs["Config"]
                lines = [f"ENV {item}\n" for item in config["Env"]]
                lines += [f"USER {config['User'] or 'root'}\n", f"LABEL base={base.id}\n"]
                build_from(SMALL, _DOCKERFILE + "".join(lines), {"change.sh": _CHANGE})
        finally:
            client.close()


def build_from(tag: str, dockerfile: str, files: Mapping[str, str], folders: Mapping[str, Path] = {}) -> None:
    """Build an image of files, and of folders of this machine, without a network."""
    with tempfile.SpooledTemporaryFile(8 << 20) as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, folder in folders.items():
                archive.add(folder, name)
            for path, text in {**files, "Dockerfile": dockerfile}.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(text.encode()), 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
        packed.seek(0)
        client = open_build_client()
        try:
            steps = client.api.build(
                fileobj=packed,
                custom_context=True,
                tag=tag,
                network_mode="none",
                rm=True,
                forcerm=True,
                decode=True,
            )
            log = [str(step) for step in steps]
            assert client.images.get(tag), log
        finally:
            client.close()


def remove(tag: str) -> None:
    """Remove the image again."""
    client = open_build_client()
    try:
        client.images.remove(tag)
    finally:
        client.close()
