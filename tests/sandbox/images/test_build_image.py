"""The image of the Docker backend, built by a real engine from a wheel of the test's own."""

import io
import json
import os
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from sandbox.errors import BackendMissing, ImageNotBuilt
from sandbox.images.base import DEBIAN_BASE, Base, find_base, open_build_client
from sandbox.images.build_image import ImageRecipe, build_image, download

PASSWORD = "hunter-2-hunter"


@pytest.fixture(scope="module")
def engine(docker_engine: None) -> Iterator[DockerClient]:
    try:
        client = open_build_client()
    except BackendMissing as error:
        pytest.skip(str(error))
    yield client
    client.close()


@pytest.fixture(scope="module")
def base(engine: DockerClient) -> str:
    """The base that `./run test` makes of Debian's packages, or another that this machine has."""
    for name in (os.environ.get("CODER_TEST_BASE", ""), DEBIAN_BASE, "pybase:bookworm"):
        if name and engine.images.list(name):
            return name
    pytest.skip(f"no base image {DEBIAN_BASE}: coder sandbox build --from-debian makes it")


@pytest.fixture
def tag(engine: DockerClient) -> Iterator[str]:
    """A name for an image, which is gone after the test."""
    name = f"coder-test-{uuid.uuid4().hex[:12]}:latest"
    yield name
    if engine.images.list(name):
        engine.images.remove(name, force=True)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with one package, `toytoy`."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "toytoy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toytoy.py", "ANSWER = 42\n")
        wheel.writestr("toytoy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toytoy\nVersion: 1.0\n")
        wheel.writestr(
            "toytoy-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("toytoy-1.0.dist-info/RECORD", "")
    return folder


@pytest.mark.slow
def test_an_image_has_its_packages_first_on_its_path_and_nothing_secret(
    engine: DockerClient,
    base: str,
    tag: str,
    wheels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxies = {"default": {"httpProxy": f"http://me:{PASSWORD}@proxy.example:3128"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", f"https://me:{PASSWORD}@index.example/simple")
    messages: list[str] = []

    build_image(
        open_build_client(), ImageRecipe(base, tag, ("toytoy",), wheels=wheels), report=messages.append
    )

    program = "import os, sys, toytoy; print(toytoy.ANSWER, os.getuid(), sys.prefix)"
    ran = engine.containers.run(tag, ["python3", "-c", program], network_mode="none", remove=True)
    setuid = ["find", "/", "-xdev", "-type", "f", "-perm", "/6000"]
    assert engine.containers.run(tag, setuid, network_mode="none", user="0", remove=True) == b""
    image = engine.images.get(tag)
    assert ran == b"42 65534 /opt/sandbox\n"
    assert image.attrs["Config"]["Cmd"] == ["python3"]
    assert PASSWORD not in json.dumps([image.history(), image.attrs, messages])
    assert "coder.image.stage" not in image.labels
    assert not engine.images.list(filters={"label": "coder.image.stage", "dangling": True})


@pytest.mark.slow
def test_a_package_that_the_folder_lacks_is_named(
    engine: DockerClient, base: str, tag: str, tmp_path: Path
) -> None:
    with pytest.raises(ImageNotBuilt, match="toytoy") as caught:
        build_image(engine, ImageRecipe(base, tag, ("toytoy",), wheels=tmp_path), report=print)

    assert "The folder of wheels lacks that package" in str(caught.value)
    assert not engine.images.list(tag)


def test_a_base_that_can_not_be_had_is_named_with_the_way_out(engine: DockerClient, tmp_path: Path) -> None:
    with pytest.raises(ImageNotBuilt, match="localhost:1/none:0") as caught:
        build_image(engine, ImageRecipe("localhost:1/none:0", wheels=tmp_path), report=print)

    assert "coder sandbox build --from-debian" in str(caught.value)


def test_a_base_without_python_is_named(engine: DockerClient, tag: str) -> None:
    nothing = io.BytesIO()
    with tarfile.open(fileobj=nothing, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    engine.api.import_image_from_data(nothing.getvalue(), repository=tag.split(":")[0], tag="latest")

    with pytest.raises(ImageNotBuilt, match="no python3 that starts"):
        find_base(engine, tag)

    assert engine.containers.list(all=True, filters={"ancestor": tag}) == []


def test_a_base_is_asked_for_what_its_wheels_must_fit(engine: DockerClient, base: str) -> None:
    base_facts = find_base(engine, base)

    assert base_facts.version >= (3, 8)
    assert base_facts.glibc is not None
    assert f"manylinux2014_{base_facts.machine}" in base_facts.platforms


def test_an_image_with_another_c_library_gets_wheels_for_it() -> None:
    alpine = Base("python:3-alpine", (3, 12), "aarch64", None)

    assert "musllinux_1_2_aarch64" in alpine.platforms
    assert not any("manylinux" in platform for platform in alpine.platforms)


@pytest.mark.slow
def test_packages_are_fetched_by_this_machines_own_pip(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    (tmp_path / "wanted.txt").write_text("toytoy\n")
    (tmp_path / "fetched").mkdir()

    download(tmp_path / "wanted.txt", Base("any", (3, 9), "x86_64", (2, 31)), tmp_path / "fetched")

    assert [path.name for path in (tmp_path / "fetched").iterdir()] == ["toytoy-1.0-py3-none-any.whl"]


@pytest.mark.slow
def test_what_pip_could_not_fetch_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (tmp_path / "wanted.txt").write_text("nobody-has-this\n")

    with pytest.raises(ImageNotBuilt, match="nobody-has-this") as caught:
        download(tmp_path / "wanted.txt", Base("any", (3, 9), "x86_64", (2, 31)), tmp_path)

    assert "--wheels DIR" in str(caught.value)


def test_without_an_engine_the_way_to_one_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")

    with pytest.raises(BackendMissing, match="DOCKER_HOST"):
        open_build_client()
