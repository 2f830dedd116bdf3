"""Dockerfile.sandbox stands once, at the root of a clone, and an installed package carries it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sandbox
from sandbox.images.build_image import read_dockerfile

ROOT = Path(sandbox.__file__).parents[1]


def test_in_a_clone_the_image_is_built_from_the_file_at_the_root() -> None:
    places = (ROOT, *ROOT.glob("sandbox/**"))
    dockerfiles = [path.relative_to(ROOT) for place in places for path in place.glob("Dockerfile.*")]

    assert dockerfiles == [Path("Dockerfile.sandbox")]
    assert read_dockerfile() == (ROOT / "Dockerfile.sandbox").read_bytes()


@pytest.mark.slow
def test_an_installed_package_carries_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel: pip install -e '.[dev]'")
    building = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*building, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")

    output = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sandbox; from sandbox.images.build_image import read_dockerfile; "
            "print(sandbox.__file__); print(read_dockerfile().decode())",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    place, _, content = output.partition("\n")
    assert place.startswith(str(tmp_path / "installed"))
    assert content.strip() == (ROOT / "Dockerfile.sandbox").read_text().strip()
