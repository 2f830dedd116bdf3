"""Check that an install without extras has at most 40 packages and 80 MB, which fit each other.

python3 -m venv DIR && DIR/bin/pip install . && DIR/bin/python tools/check_core_install.py
"""

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

MOST_PACKAGES, MOST_MB = 40, 80
_OF_EVERY_VENV = {"pip", "setuptools", "wheel"}


def main() -> int:
    """Print packages and size; the exit code is 1 where one is over its limit."""
    packages = [each for each in distributions() if each.metadata["Name"] not in _OF_EVERY_VENV]
    paths = {Path(str(file.locate())) for each in packages for file in each.files or ()}
    size_mb = sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
    print(f"core install: {len(packages)} packages, {size_mb:.0f} MB")
    fit = subprocess.run([sys.executable, "-m", "pip", "check"], check=False).returncode == 0
    return 0 if fit and len(packages) <= MOST_PACKAGES and size_mb <= MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
