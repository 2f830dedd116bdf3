"""Put Docker's compose plugin, which Harbor needs, into FOLDER: python3 tools/compose_plugin.py FOLDER

The plugin is Debian 13's package, by its digest. Use it with DOCKER_CONFIG=FOLDER.
"""

import hashlib
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

URL = "http://deb.debian.org/debian/pool/main/d/docker-compose/docker-compose_2.26.1-4_amd64.deb"
SHA256 = "47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea"
PLUGIN = "usr/libexec/docker/cli-plugins/docker-compose"


def main(folder: Path) -> None:
    """Download, compare the digest, and unpack the one file."""
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch, "package.deb")
        with urllib.request.urlopen(URL, timeout=120) as answer:
            package.write_bytes(answer.read())
        if (digest := hashlib.sha256(package.read_bytes()).hexdigest()) != SHA256:
            sys.exit(f"{URL} has the digest {digest}, not {SHA256}.")
        subprocess.run(["dpkg-deb", "-x", package, f"{scratch}/tree"], check=True)
        target = folder / "cli-plugins/docker-compose"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(scratch, "tree", PLUGIN).read_bytes())
        target.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
