"""Programs from npm, which other people wrote, at pinned versions.

They are installed at the first call of all, into our own environment, which has no npm of its own to need.
"""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

_NPM = "https://registry.npmjs.org/npm/-/npm-10.9.2.tgz"
_NPM_SHA512 = "iriPEPIkoMYUy3F6f3wwSZAU93E0Eg6cHwIR6jzzOXWSy+SD/rOODEs74cVONHKSx2obXtuUoyidVEhISrisgQ=="


def npm_package(name: str, version: str) -> Path:
    """The folder of a package, beside which lies what it needs."""
    folder = Path(sys.prefix, "npm", f"{name.replace('/', '-')}-{version}")
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=folder.parent))
        making.chmod(0o755)
        (making / "package.json").write_text(json.dumps({"private": True}))
        install = ["install", "--prefix", str(making), "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            ["node", str(_npm(making)), *install, f"{name}@{version}"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        try:
            making.rename(folder)
        except OSError:  # another worker was faster
            shutil.rmtree(making)
    return folder / "node_modules" / name


def _npm(folder: Path) -> Path:
    """npm itself; Debian's would bring 300 packages."""
    with urllib.request.urlopen(_NPM, timeout=60) as response:
        content = response.read()
    assert base64.b64encode(hashlib.sha512(content).digest()).decode() == _NPM_SHA512
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package" / "bin" / "npm-cli.js"
